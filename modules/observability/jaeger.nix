# Jaeger on this machine: receives traces, keeps them for a while, and shows them through Grafana.
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
  jaeger = cfg.jaeger;
  user = "ai-stack-jaeger";
  directory = "/var/lib/${user}";
  local = port: "127.0.0.1:${toString port}";
  json = pkgs.formats.json { };

  # Keys: cmd/jaeger/config-badger.yaml and internal/storage/v1/badger/config.go of Jaeger 2.15.
  settings = {
    service = {
      extensions = [
        "jaeger_storage"
        "jaeger_query"
        "healthcheckv2"
      ];
      pipelines.traces = {
        receivers = [ "otlp" ];
        processors = [ "batch" ];
        exporters = [ "jaeger_storage_exporter" ];
      };
      telemetry = {
        resource."service.name" = "jaeger";
        logs = {
          level = "info";
          encoding = "json";
        };
        metrics = {
          level = "basic";
          readers = [
            {
              pull.exporter.prometheus = {
                host = "127.0.0.1";
                port = jaeger.ports.metrics;
              };
            }
          ];
        };
      };
    };
    extensions = {
      healthcheckv2 = {
        use_v2 = true;
        http.endpoint = local jaeger.ports.health;
      };
      jaeger_query = {
        storage.traces = "local";
        base_path = lib.removeSuffix "/" jaeger.route;
        http.endpoint = local jaeger.ports.query;
        grpc.endpoint = local jaeger.ports.queryGrpc;
      };
      jaeger_storage.backends.local.badger = {
        ephemeral = false;
        directories = {
          keys = "${directory}/keys";
          values = "${directory}/values";
        };
        ttl.spans = cfg.tracing.retention;
      };
    };
    receivers.otlp.protocols = {
      grpc.endpoint = local 4317;
      http.endpoint = local 4318;
    };
    processors.batch = { };
    exporters.jaeger_storage_exporter.trace_storage = "local";
  };
  configuration = json.generate "ai-stack-jaeger.json" jaeger.settings;

  port =
    default: description:
    lib.mkOption {
      type = lib.types.port;
      inherit default;
      description = "Loopback port of ${description}.";
    };
in
{
  options.services.ai-stack.jaeger = {
    package = lib.mkOption {
      type = lib.types.package;
      default =
        cfg.packages.ai-stack-jaeger
          or (throw ''services.ai-stack.tracing.backend is "jaeger", and there is no package of it for this platform: set services.ai-stack.jaeger.package, or use the backend "tempo".'');
      defaultText = lib.literalExpression "config.services.ai-stack.packages.ai-stack-jaeger";
      description = "Package of Jaeger 2.";
    };
    route = lib.mkOption {
      type = common.types.routePrefix;
      # Grafana's cookie is sent to what lies below its own path, so that one log-in is enough.
      default = "${cfg.grafana.route}jaeger/";
      defaultText = lib.literalExpression ''"''${config.services.ai-stack.grafana.route}jaeger/"'';
      description = "Path prefix of Jaeger's own pages at the gateway. They have no log-in, so they are there for those only who are logged in to Grafana.";
    };
    settings = lib.mkOption {
      type = lib.types.submodule { freeformType = json.type; };
      default = { };
      description = "Configuration of Jaeger. What the module sets can be replaced with `lib.mkForce`.";
    };
    ports = {
      query = port 16686 "the pages and the interface for Grafana";
      queryGrpc = port 16685 "the gRPC interface";
      health = port 13133 "the health check";
      metrics = port 8888 "the measurements";
    };
  };

  config = lib.mkIf (cfg.tracing.enable && cfg.tracing.backend == "jaeger") {
    services.ai-stack = {
      jaeger = { inherit settings; };
      ports.jaeger = [
        4317
        4318
      ]
      ++ lib.attrValues jaeger.ports;
      memory."${user}.service" = cfg.tracing.memoryMax;
      grafana.dataSources = [
        (
          {
            name = "Traces";
            uid = "ai-stack-traces";
            type = "jaeger";
            access = "proxy";
            url = "http://${local jaeger.ports.query}${lib.removeSuffix "/" jaeger.route}";
            editable = false;
          }
          # Jaeger keeps the name of the service apart from the tags, which is where Grafana looks.
          // observability.tracesToLogs cfg {
            customQuery = true;
            query = ''{service=~".+"} |= "$''${__trace.traceId}"'';
          }
        )
      ];
      gateway.routes.jaeger = lib.mkIf (cfg.gateway.enable && cfg.grafana.enable) {
        prefix = jaeger.route;
        target = "http://${local jaeger.ports.query}";
        authUrl = "http://${local cfg.grafana.port}${cfg.grafana.route}api/user";
      };
    };

    services.prometheus.scrapeConfigs = lib.mkIf cfg.prometheus.enable [
      {
        job_name = "ai-stack-jaeger";
        static_configs = [ { targets = [ (local jaeger.ports.metrics) ]; } ];
      }
    ];

    users.users.${user} = {
      isSystemUser = true;
      group = user;
      description = "AI stack, traces";
    };
    users.groups.${user} = { };
    systemd.services.${user} = {
      description = "AI stack: traces in Jaeger";
      wantedBy = [ "ai-stack.target" ];
      after = [ "network.target" ];
      serviceConfig = cfg.storeSandbox [ ] // {
        ExecStart = "${lib.getExe jaeger.package} --config=file:${configuration}";
        User = user;
        Group = user;
        StateDirectory = user;
        StateDirectoryMode = "0700";
        WorkingDirectory = directory;
        Slice = "aistack.slice";
        Restart = "always";
        RestartSec = "2s";
        RestartSteps = 8;
        RestartMaxDelaySec = "30s";
        MemoryMax = cfg.tracing.memoryMax;
        TasksMax = 256;
        LimitNOFILE = 65536;
      };
      # nine tenths, so that the collector frees memory before the kernel ends it
      environment.GOMEMLIMIT = toString (common.toBytes cfg.tracing.memoryMax / 10 * 9);
    };
  };
}
