# A machine that uses the one in vectors.nix beside its own embeddings.
{
  imports = [ ../../../modules ];
  services.ai-stack = {
    enable = true;
    domain = "ai.example.org";
    secrets.upstreamApiKey = "/run/secrets/ai-stack-upstream";
    services.embeddings.endpoints = [
      "http://127.0.0.1:8081"
      "http://10.0.0.2:8081"
    ];
  };
}
