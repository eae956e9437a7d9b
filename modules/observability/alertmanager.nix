# Alertmanager: tells people. Optional, since where to is a matter of each site.
{ config, lib, ... }:
let
  cfg = config.services.ai-stack;
  common = import ../lib.nix { inherit lib; };
  observability = import ./lib.nix { inherit lib; };
  manager = cfg.alertmanager;
  unit = "alertmanager.service";
in
{
  options.services.ai-stack.alertmanager = {
    enable = lib.mkEnableOption "Alertmanager, which tells people about alerts";
    port = lib.mkOption {
      type = lib.types.port;
      default = 9093;
      description = "Loopback port.";
    };
    receiver = lib.mkOption {
      type = lib.types.attrsOf lib.types.anything;
      default = { };
      example = lib.literalExpression ''
        { webhook_configs = [ { url_file = "/run/credentials/alertmanager.service/webhook"; } ]; }
      '';
      description = "Where alerts go: the keys of a receiver as Alertmanager's manual has them. Secrets are files in `/run/credentials/${unit}`, see `credentials`.";
    };
    credentials = lib.mkOption {
      type = lib.types.attrsOf common.types.secretFile;
      default = { };
      example = {
        webhook = "/run/secrets/alert-webhook";
      };
      description = "Secrets of the receiver by name: files outside the store.";
    };
    configuration = lib.mkOption {
      type = lib.types.attrsOf lib.types.anything;
      default = { };
      example = lib.literalExpression ''{ time_intervals = [ { name = "nights"; time_intervals = [ { times = [ { start_time = "22:00"; end_time = "24:00"; } ]; } ]; } ]; }'';
      description = "More of Alertmanager's configuration; a key given here replaces the whole of that key.";
    };
    memoryMax = lib.mkOption {
      type = common.types.size;
      default = "128M";
      description = "Memory of Alertmanager.";
    };
  };

  config = lib.mkIf manager.enable {
    assertions = [
      {
        assertion = manager.receiver != { } || manager.configuration ? receivers;
        message = "services.ai-stack.alertmanager is enabled but tells nobody: set services.ai-stack.alertmanager.receiver, for example to { webhook_configs = [ … ]; }.";
      }
    ];
    services.ai-stack.ports.alertmanager = [ manager.port ];
    services.ai-stack.memory.${unit} = manager.memoryMax;

    services.prometheus = {
      alertmanagers = [
        { static_configs = [ { targets = [ "127.0.0.1:${toString manager.port}" ]; } ]; }
      ];
      scrapeConfigs = [
        {
          job_name = "ai-stack-alertmanager";
          static_configs = [ { targets = [ "127.0.0.1:${toString manager.port}" ]; } ];
        }
      ];
      alertmanager = {
        enable = true;
        listenAddress = "127.0.0.1";
        inherit (manager) port;
        # credentials are files that the sandbox of the build does not have
        checkConfig = lib.mkDefault (manager.credentials == { });
        # one of its own: without this it listens to others on every address
        extraFlags = [ "--cluster.listen-address=" ];
        configuration = {
          route = {
            receiver = "default";
            group_by = [
              "alertname"
              "component"
            ];
            group_wait = "30s";
            group_interval = "5m";
            repeat_interval = "12h";
          };
          receivers = [ ({ name = "default"; } // manager.receiver) ];
          # Who is told that a service is down need not hear that its budget is being spent.
          inhibit_rules = [
            {
              source_matchers = [
                ''severity="critical"''
                # labels that both lack count as equal
                ''component!=""''
              ];
              target_matchers = [ ''severity="warning"'' ];
              equal = [ "component" ];
            }
          ];
        }
        // manager.configuration;
      };
    };

    services.ai-stack.secrets.registry = lib.mapAttrs' (
      name: file:
      lib.nameValuePair "alertmanager-${name}" {
        inherit file;
        units = [ unit ];
      }
    ) manager.credentials;
    systemd.services.alertmanager.serviceConfig =
      cfg.storeSandbox [
        # receivers are anywhere
        "IPAddressAllow"
        "IPAddressDeny"
      ]
      // {
        LoadCredential = lib.mapAttrsToList (name: file: "${name}:${file}") manager.credentials;
        MemoryMax = manager.memoryMax;
      };
  };
}
