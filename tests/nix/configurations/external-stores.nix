# Stores, certificate and secrets all from elsewhere.
{
  imports = [ ../../../modules ];
  services.ai-stack = {
    enable = true;
    domain = "ai.example.org";
    tls = {
      mode = "files";
      certificate = "/run/secrets/crt";
      key = "/run/secrets/key";
    };
    secrets = {
      apiKeys = "/run/secrets/api-keys";
      redisPassword = "/run/secrets/redis";
      qdrantApiKey = "/run/secrets/qdrant";
    };
    postgresql = {
      host = "db.internal";
      passwordFile = "/run/secrets/pg";
    };
    redis.url = "rediss://cache.internal:6379";
    qdrant.url = "https://qdrant.internal:6333";
  };
}
