# aidb: documents, their chunks and vectors, and search over them.
{ config, lib, ... }:
let
  cfg = config.services.ai-stack;
  self = cfg.services.aidb;
in
{
  services.ai-stack.services.aidb = {
    package = lib.mkDefault cfg.packages.ai-stack;
    executable = "ai-stack-aidb";
    port = lib.mkDefault 8091;
    route = lib.mkDefault "/aidb/";
    ingestPaths = lib.mkDefault [ "/documents" ];
    maxBodySize = lib.mkDefault "64m";

    settings = {
      postgres_host = cfg.postgresql.address;
      postgres_port = cfg.postgresql.port;
      postgres_user = self.postgresql.user;
      postgres_database = self.postgresql.database;
      redis_url = cfg.redis.address;
      embeddings_url = cfg.services.embeddings.url;
    };

    after = [ "embeddings" ];
    postgresql = {
      enable = true;
      extensions = [ "vector" ];
      extensionPackages = ps: [ ps.pgvector ];
    };
    redis.enable = true;

    memoryMax = lib.mkDefault "1G";
    startTimeout = lib.mkDefault "3min";
  };
}
