# A machine that only computes vectors, for the one in two-machines.nix.
{
  imports = [ ../../../modules ];
  services.ai-stack = {
    services.embeddings = {
      enable = true;
      listenAddress = "10.0.0.2";
      openFirewall = true;
    };
    secrets.upstreamApiKey = "/run/secrets/ai-stack-upstream";
  };
}
