# Grafana Tempo on this machine, instead of Jaeger.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.ai-stack;
  common = import ../lib.nix { inherit lib; };
  observability = import ./lib.nix { inherit lib; };
  tempo = cfg.tempo;
  directory = "/var/lib/tempo";

  # Tempo 3 replaced the ingester and the compactor; it refuses to start when it finds their keys.
  # https://grafana.com/docs/tempo/v3.0.x/set-up-for-tracing/setup-tempo/upgrade/
  byVersion =
    if lib.versionAtLeast (lib.getVersion pkgs.tempo) "3" then
      {
        live_store = {
          wal.path = "${directory}/live-store/traces";
          shutdown_marker_dir = "${directory}/live-store/shutdown-marker";
        };
        block_builder.wal.path = "${directory}/block-builder/traces";
        backend_scheduler = {
          local_work_path = "${directory}/scheduler";
          provider.compaction.compaction.block_retention = cfg.tracing.retention;
        };
        backend_worker.compaction.block_retention = cfg.tracing.retention;
      }
    else
      {
        compactor.compaction.block_retention = cfg.tracing.retention;
      };
in
{
  options.services.ai-stack.tempo.ports = {
    http = lib.mkOption {
      type = lib.types.port;
      default = 3200;
      description = "Loopback port of the interface for Grafana.";
    };
    grpc = lib.mkOption {
      type = lib.types.port;
      default = 9095;
      description = "Loopback port of the interface between Tempo's own parts.";
    };
  };

  config = lib.mkIf (cfg.tracing.enable && cfg.tracing.backend == "tempo") {
    services.ai-stack = {
      ports.tempo = [
        4317
        4318
      ]
      ++ lib.attrValues tempo.ports;
      memory."tempo.service" = cfg.tracing.memoryMax;
      grafana.dataSources = [
        (
          {
            name = "Traces";
            uid = "ai-stack-traces";
            type = "tempo";
            access = "proxy";
            url = "http://127.0.0.1:${toString tempo.ports.http}";
            editable = false;
          }
          // observability.tracesToLogs cfg {
            tags = [
              {
                key = "service.name";
                value = "service";
              }
            ];
            filterByTraceID = true;
          }
        )
      ];
    };
    services.prometheus.scrapeConfigs = lib.mkIf cfg.prometheus.enable [
      {
        job_name = "ai-stack-tempo";
        static_configs = [ { targets = [ "127.0.0.1:${toString tempo.ports.http}" ]; } ];
      }
    ];
    services.tempo = {
      enable = true;
      settings = {
        server = {
          http_listen_address = "127.0.0.1";
          http_listen_port = tempo.ports.http;
          grpc_listen_address = "127.0.0.1";
          grpc_listen_port = tempo.ports.grpc;
        };
        distributor.receivers.otlp.protocols = {
          grpc.endpoint = "127.0.0.1:4317";
          http.endpoint = "127.0.0.1:4318";
        };
        storage.trace = {
          backend = "local";
          local.path = "${directory}/blocks";
          wal.path = "${directory}/wal";
        };
        memberlist.bind_addr = [ "127.0.0.1" ];
        usage_report.reporting_enabled = false;
      }
      // byVersion;
    };
    systemd.services.tempo = {
      environment.GOMEMLIMIT = toString (common.toBytes cfg.tracing.memoryMax / 10 * 9);
      serviceConfig = cfg.storeSandbox [ ] // {
        MemoryMax = cfg.tracing.memoryMax;
        ProtectSystem = lib.mkForce "strict";
        # The ring looks for the address of a network interface even when nobody joins it.
        RestrictAddressFamilies = [
          "AF_UNIX"
          "AF_INET"
          "AF_INET6"
          "AF_NETLINK"
        ];
      };
    };
  };
}
