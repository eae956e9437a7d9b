# The log of every unit of the stack in Loki on this machine, for Grafana. logs-shipper.nix brings it there.
{ config, lib, ... }:
let
  cfg = config.services.ai-stack;
  common = import ../lib.nix { inherit lib; };
  observability = import ./lib.nix { inherit lib; };
  logs = cfg.logs;
  directory = config.services.loki.dataDir;
  local = port: "127.0.0.1:${toString port}";
in
{
  options.services.ai-stack.logs = {
    enable = lib.mkEnableOption "a store for the logs of the stack, which Grafana links to traces. Without it they are in the journal alone";
    retention = lib.mkOption {
      # 24 h are the least: Loki's manual, operations/storage/retention.
      type = lib.types.strMatching "[1-9][0-9]*[dwy]";
      default = "14d";
      example = "8w";
      description = "How long log lines are kept: days, weeks or years. The journal has a limit of its own.";
    };
    memoryMax = lib.mkOption {
      type = common.types.size;
      default = "512M";
      description = "Memory of Loki.";
    };
    shipperMemoryMax = lib.mkOption {
      type = common.types.size;
      default = "256M";
      description = "Memory of Vector, which reads the journal.";
    };
    ports = {
      http = lib.mkOption {
        type = lib.types.port;
        default = 3100;
        description = "Loopback port of Loki. Like Prometheus it has no log-in, so it is never routed: look at it through Grafana.";
      };
      grpc = lib.mkOption {
        type = lib.types.port;
        default = 9096;
        description = "Loopback port of the interface between Loki's own parts.";
      };
      shipper = lib.mkOption {
        type = lib.types.port;
        default = 9598;
        description = "Loopback port of the measurements of Vector.";
      };
    };
  };

  config = lib.mkIf logs.enable {
    services.ai-stack = {
      ports.logs = lib.attrValues logs.ports;
      memory."loki.service" = logs.memoryMax;
      grafana.dataSources = [
        {
          name = "Logs";
          uid = "ai-stack-logs";
          type = "loki";
          access = "proxy";
          url = "http://${local logs.ports.http}";
          editable = false;
          jsonData = lib.optionalAttrs (observability.keepsTraces cfg) {
            derivedFields = [
              {
                name = "trace_id";
                matcherRegex = ''"trace_id":\s*"([0-9a-f]{32})"'';
                datasourceUid = "ai-stack-traces";
                urlDisplayLabel = "Trace";
                # Grafana replaces variables when it reads this; a doubled sign is one for later.
                url = "$\${__value.raw}";
              }
            ];
          };
        }
      ];
    };
    services.prometheus.scrapeConfigs = lib.mkIf cfg.prometheus.enable [
      {
        job_name = "ai-stack-loki";
        static_configs = [ { targets = [ (local logs.ports.http) ]; } ];
      }
    ];

    # Keys: https://grafana.com/docs/loki/v3.7.x/configure/
    services.loki = {
      enable = true;
      configuration = {
        # There are no tenants: whoever reaches the loopback port is the only one.
        auth_enabled = false;
        server = {
          http_listen_address = "127.0.0.1";
          http_listen_port = logs.ports.http;
          grpc_listen_address = "127.0.0.1";
          grpc_listen_port = logs.ports.grpc;
          log_level = "warn";
        };
        common = {
          # or it would look for the address of a network interface
          instance_addr = "127.0.0.1";
          path_prefix = directory;
          replication_factor = 1;
          ring.kvstore.store = "inmemory";
          storage.filesystem = {
            chunks_directory = "${directory}/chunks";
            rules_directory = "${directory}/rules";
          };
        };
        schema_config.configs = [
          {
            from = "2026-01-01";
            store = "tsdb";
            object_store = "filesystem";
            schema = "v13";
            index = {
              prefix = "index_";
              period = "24h";
            };
          }
        ];
        # A replay after a crash may not need more than there is.
        ingester.wal.replay_memory_ceiling = toString (common.toBytes logs.memoryMax / 2);
        compactor = {
          working_directory = "${directory}/compactor";
          retention_enabled = true;
          delete_request_store = "filesystem";
        };
        limits_config = {
          retention_period = logs.retention;
          # Lines go when their time is over, and nobody removes one before.
          deletion_mode = "disabled";
        };
        analytics.reporting_enabled = false;
      };
    };
    systemd.services.loki = {
      # nine tenths, so that the collector frees memory before the kernel ends it
      environment.GOMEMLIMIT = toString (common.toBytes logs.memoryMax / 10 * 9);
      serviceConfig = cfg.storeSandbox [ ] // {
        Group = config.services.loki.group;
        MemoryMax = logs.memoryMax;
        ProtectSystem = lib.mkForce "strict";
        RestartSec = "2s";
        StateDirectory = "loki";
        StateDirectoryMode = "0700";
      };
    };
  };
}
