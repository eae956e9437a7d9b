# Two machines that compute vectors behind one upstream; the client notices nothing when one of them is lost.
let
  # Both sides need the same key. Here it is known to all; on a machine it comes from sops-nix or agenix.
  sharedKey =
    { pkgs, ... }:
    {
      systemd.services.ai-stack-shared-key = {
        description = "A key for the stories";
        before = [ "ai-stack-secrets.service" ];
        requiredBy = [ "ai-stack-secrets.service" ];
        serviceConfig = {
          Type = "oneshot";
          RemainAfterExit = true;
          UMask = "0077";
        };
        script = "printf 'ais_%s\\n' $(${pkgs.coreutils}/bin/printf 'k%.0s' $(${pkgs.coreutils}/bin/seq 43)) >/run/ai-stack-shared-key";
      };
      services.ai-stack.secrets.upstreamApiKey = "/run/ai-stack-shared-key";
    };

  # One client asks for many here: what it is refused would be counted as lost.
  patience = {
    rate_per_minute = 600000;
    burst = 60000;
  };
  patient = {
    services.ai-stack = {
      gateway.rateLimits.interactive = {
        perSecond = 10000;
        burst = 10000;
      };
      services.embeddings.settings.rate_limits = {
        interactive = patience;
        ingest = patience;
      };
    };
  };
in
{
  name = "scale-out";
  nodes = {
    server =
      { nodes, ... }:
      {
        imports = [
          ../lib/documents.nix
          sharedKey
          patient
        ];
        services.ai-stack.services.embeddings.endpoints = [
          "http://127.0.0.1:8081"
          "http://${nodes.second.networking.primaryIPAddress}:8081"
        ];
      };
    second =
      { config, ... }:
      {
        imports = [
          ../../modules
          ../lib/machine.nix
          sharedKey
          patient
        ];
        virtualisation = {
          cores = 2;
          memorySize = 3072;
        };
        services.ai-stack.services.embeddings = {
          enable = true;
          listenAddress = config.networking.primaryIPAddress;
          openFirewall = true;
        };
      };
    client = ../lib/client.nix;
  };
}
