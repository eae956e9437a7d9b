# Where the services send their traces, by OTLP, and how many of them.
{ config, lib, ... }:
let
  cfg = config.services.ai-stack;
  common = import ../lib.nix { inherit lib; };
  observability = import ./lib.nix { inherit lib; };
  share = lib.types.addCheck lib.types.number (rate: rate >= 0 && rate <= 1) // {
    description = "number from 0 to 1";
  };
in
{
  options.services.ai-stack = {
    tracing = {
      enable = lib.mkOption {
        type = lib.types.bool;
        default = cfg.enable;
        defaultText = lib.literalExpression "config.services.ai-stack.enable";
        description = "Whether the services record traces.";
      };
      backend = lib.mkOption {
        type = lib.types.enum [
          "jaeger"
          "tempo"
          "otlp"
        ];
        default = if cfg.packages ? ai-stack-jaeger then "jaeger" else "tempo";
        defaultText = lib.literalMD "`jaeger`; `tempo` on platforms that this repository has no package of Jaeger for";
        description = "Where traces are kept: in Jaeger or in Grafana Tempo on this machine, or at `endpoint`, whatever is there.";
      };
      endpoint = lib.mkOption {
        type = lib.types.strMatching "https?://[^@]+";
        default = "http://127.0.0.1:4318";
        example = "http://10.0.0.5:4318";
        description = "URL of an OTLP receiver. Where it asks for credentials, run an OpenTelemetry collector on this machine that adds them.";
      };
      protocol = lib.mkOption {
        type = lib.types.enum [
          "http/protobuf"
          "grpc"
        ];
        default = "http/protobuf";
        description = "How traces are sent to `endpoint`.";
      };
      sampleRate = lib.mkOption {
        type = share;
        default = 1.0;
        example = 0.01;
        description = "Share of the requests that are traced, unless the caller has decided already. A busy machine wants less than all.";
      };
      retention = lib.mkOption {
        type = observability.duration;
        default = "72h";
        example = "336h";
        description = "How long traces are kept on this machine.";
      };
      memoryMax = lib.mkOption {
        type = common.types.size;
        default = "512M";
        description = "Memory of the backend on this machine.";
      };
    };
    services = lib.mkOption {
      type = lib.types.attrsOf (
        lib.types.submodule (
          { config, ... }:
          {
            options.tracing = {
              enable = lib.mkOption {
                type = lib.types.bool;
                default = cfg.tracing.enable && config.runtime == "ai-stack";
                defaultText = lib.literalMD "`services.ai-stack.tracing.enable`, for services that use the runtime";
                description = "Whether the service is told where to send traces, by the standard variables of OpenTelemetry.";
              };
              sampleRate = lib.mkOption {
                type = share;
                default = cfg.tracing.sampleRate;
                defaultText = lib.literalExpression "config.services.ai-stack.tracing.sampleRate";
                description = "Share of the requests that are traced, of those that begin here.";
              };
            };
            config = lib.mkIf config.tracing.enable {
              environment = {
                OTEL_EXPORTER_OTLP_ENDPOINT = lib.mkDefault cfg.tracing.endpoint;
                OTEL_EXPORTER_OTLP_PROTOCOL = lib.mkDefault cfg.tracing.protocol;
                OTEL_SAMPLE_RATE = lib.mkDefault (builtins.toJSON config.tracing.sampleRate);
              };
              peers = [ (common.hostOf cfg.tracing.endpoint) ];
            };
          }
        )
      );
    };
  };

  config.assertions = lib.optional cfg.tracing.enable {
    assertion =
      (cfg.tracing.backend == "otlp")
      -> (
        cfg.tracing.endpoint != "http://127.0.0.1:4318" || config.services.opentelemetry-collector.enable
      );
    message = ''services.ai-stack.tracing.backend is "otlp": set services.ai-stack.tracing.endpoint to the receiver, or run one here with services.opentelemetry-collector.'';
  };
}
