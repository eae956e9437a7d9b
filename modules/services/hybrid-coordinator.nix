# hybrid-coordinator: finds what belongs to a question and writes the prompt with it.
{ config, lib, ... }:
let
  cfg = config.services.ai-stack;
  common = import ../lib.nix { inherit lib; };
  self = cfg.services.hybrid-coordinator;

  models = lib.filter (model: model != null) [
    self.settings.local_llm or null
    self.settings.remote_llm or null
  ];
in
{
  services.ai-stack.services.hybrid-coordinator = {
    package = lib.mkDefault cfg.packages.ai-stack;
    executable = "ai-stack-hybrid-coordinator";
    port = lib.mkDefault 8092;
    route = lib.mkDefault "/hybrid/";

    settings = {
      embeddings_url = cfg.services.embeddings.url;
      aidb_url = cfg.services.aidb.url;
      nixos_docs_url = cfg.services.nixos-docs.url;
      qdrant_url = cfg.qdrant.address;
      redis_url = cfg.redis.address;
      tokenizer_file = lib.mkDefault "${cfg.packages.ai-stack-model}/tokenizer.json";
    };

    after = [
      "embeddings"
      "aidb"
      "nixos-docs"
    ];
    qdrant.enable = true;
    redis.enable = true;
    # A model on this machine needs no way out of it; one elsewhere gets as much of one as its address takes.
    peers = map (model: common.hostOf model.url) models;

    memoryMax = lib.mkDefault "768M";
  };
}
