"""The configurations that the tests evaluate: each is what a person would write."""

from nix.evaluate import Machine

#: The smallest useful one.
MINIMAL = Machine('{ services.ai-stack = { enable = true; domain = "ai.example.org"; openFirewall = true; }; }')

#: One service of one's own on the rails, without the services that come along.
OWN_SERVICE = Machine(
    """{ pkgs, ... }: {
  services.ai-stack = {
    enable = true;
    services.translator = { package = pkgs.hello; port = 8100; };
  };
}""",
    framework=True,
)

#: Stores, certificate and secrets all from elsewhere.
EXTERNAL = Machine(
    """{
  services.ai-stack = {
    enable = true;
    domain = "ai.example.org";
    tls = { mode = "files"; certificate = "/run/secrets/crt"; key = "/run/secrets/key"; };
    secrets = {
      apiKeys = "/run/secrets/api-keys";
      redisPassword = "/run/secrets/redis";
      qdrantApiKey = "/run/secrets/qdrant";
    };
    postgresql = { host = "db.internal"; passwordFile = "/run/secrets/pg"; };
    redis.url = "rediss://cache.internal:6379";
    qdrant.url = "https://qdrant.internal:6333";
  };
}"""
)

#: A machine that only computes vectors.
VECTORS = Machine('{ services.ai-stack.services.embeddings = { enable = true; listenAddress = "10.0.0.2"; }; }')

#: The machine that uses that one beside its own.
BOTH = Machine(
    """{
  services.ai-stack = {
    enable = true;
    domain = "ai.example.org";
    services.embeddings.endpoints = [ "http://127.0.0.1:8081" "http://10.0.0.2:8081" ];
  };
}"""
)

#: What can be turned on, turned on.
EVERYTHING = Machine(
    """{ pkgs, ... }: {
  services.ai-stack = {
    enable = true;
    domain = "ai.example.org";
    openFirewall = true;
    memoryBudget = "24G";
    tls = { mode = "acme"; email = "ops@example.org"; };
    services.embeddings = { instances = 2; cpuQuota = "300%"; };
    services.translator = { package = pkgs.hello; port = 8100; route = "/translator/"; after = [ "embeddings" ]; };
    services.legacy = { package = pkgs.hello; port = 8110; route = "/legacy/"; runtime = "other"; };
  };
}"""
)

ALL = {
    "minimal": MINIMAL,
    "own-service": OWN_SERVICE,
    "external": EXTERNAL,
    "vectors": VECTORS,
    "both": BOTH,
    "everything": EVERYTHING,
}
