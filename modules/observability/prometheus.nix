# Prometheus: nixpkgs' own module, on loopback, with a job for every service that is observed.
{ config, lib, ... }:
let
  cfg = config.services.ai-stack;
  common = import ../lib.nix { inherit lib; };
  observability = import ./lib.nix { inherit lib; };
  observed = observability.observed cfg.services;
  hosts = lib.concatMap (service: map common.hostOf service.endpoints) (lib.attrValues observed);

  job = name: service: {
    job_name = "ai-stack-${name}";
    metrics_path = service.metrics.path;
    static_configs = [
      {
        targets = map common.authorityOf service.endpoints;
        # not `service`, which the runtime's own metrics use for dependencies
        labels.component = name;
      }
    ];
  };
in
{
  options.services.ai-stack.prometheus = {
    enable = lib.mkOption {
      type = lib.types.bool;
      default = cfg.enable;
      defaultText = lib.literalExpression "config.services.ai-stack.enable";
      description = "Whether to collect measurements on this machine, of services on other machines too.";
    };
    port = lib.mkOption {
      type = lib.types.port;
      default = 9090;
      description = "Loopback port. Prometheus has no log-in, so it is never routed: look at it through Grafana.";
    };
    retention = lib.mkOption {
      type = observability.duration;
      default = "30d";
      example = "90d";
      description = "How long measurements are kept. Below 3d the alerts on slowly spent error budgets see less than they should.";
    };
    scrapeInterval = lib.mkOption {
      type = observability.duration;
      default = "15s";
      description = "Time between two measurements. Alerts look back 5 minutes and more, so stay below one minute.";
    };
    allowedAddresses = lib.mkOption {
      type = lib.types.listOf lib.types.str;
      default = [ ];
      example = [ "10.0.0.0/24" ];
      description = "Addresses that Prometheus may reach for jobs of your own, besides this machine and the services of the stack.";
    };
    memoryMax = lib.mkOption {
      type = common.types.size;
      default = "1G";
      description = "Memory of Prometheus.";
    };
    peers = lib.mkOption {
      type = lib.types.listOf lib.types.str;
      default = [ ];
      internal = true;
      description = "Hosts that Prometheus talks to besides the services.";
    };
  };

  config = lib.mkIf cfg.prometheus.enable {
    services.ai-stack.ports.prometheus = [ cfg.prometheus.port ];
    services.ai-stack.memory."prometheus.service" = cfg.prometheus.memoryMax;

    services.prometheus = {
      enable = true;
      listenAddress = "127.0.0.1";
      inherit (cfg.prometheus) port;
      retentionTime = cfg.prometheus.retention;
      # Credentials are files that the sandbox of the build does not have.
      checkConfig = lib.mkDefault "syntax-only";
      globalConfig = {
        scrape_interval = lib.mkDefault cfg.prometheus.scrapeInterval;
        evaluation_interval = lib.mkDefault cfg.prometheus.scrapeInterval;
      };
      scrapeConfigs = [
        {
          job_name = "ai-stack-prometheus";
          static_configs = [ { targets = [ "127.0.0.1:${toString cfg.prometheus.port}" ]; } ];
        }
      ]
      ++ lib.mapAttrsToList job observed;
    };

    systemd.services.prometheus.serviceConfig =
      cfg.storeSandbox [
        "IPAddressAllow"
        # answered in nixpkgs' module, with conditions
        "AmbientCapabilities"
      ]
      // observability.network common (hosts ++ cfg.prometheus.peers ++ cfg.prometheus.allowedAddresses)
      // {
        MemoryMax = cfg.prometheus.memoryMax;
        ProtectSystem = lib.mkForce "strict";
      };
  };
}
