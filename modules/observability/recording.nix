# The measurements of every service under names of their own, whatever the service calls them: alerts and dashboards
# are written once. Names: https://prometheus.io/docs/practices/rules/
{ config, lib, ... }:
let
  cfg = config.services.ai-stack;
  common = import ../lib.nix { inherit lib; };
  observability = import ./lib.nix { inherit lib; };

  # Windows of the alerts on the error budget.
  windows = [
    "5m"
    "30m"
    "1h"
    "6h"
    "3d"
  ];

  rulesOf =
    name: service:
    let
      inherit (service.metrics) prefix httpPrefix;
      own = ''{component="${name}"}'';
      record = record: expr: {
        inherit record expr;
        labels.component = name;
      };
      rate = window: "sum(rate(${httpPrefix}_requests_total${own}[${window}]))";
      # A service that has not failed yet has no series of failures.
      failures =
        window:
        ''(sum(rate(${httpPrefix}_request_errors_total{component="${name}",status=~"5.."}[${window}])) or 0 * ${rate window})'';
    in
    [
      (record "ai_stack:http_requests:rate5m" (rate "5m"))
      (record "ai_stack:http_request_errors:rate5m" "(sum(rate(${httpPrefix}_request_errors_total${own}[5m])) or 0 * ${rate "5m"})")
      (record "ai_stack:http_latency_seconds:p95_5m" "histogram_quantile(0.95, sum by (le) (rate(${httpPrefix}_request_latency_seconds_bucket${own}[5m])))")
      (record "ai_stack:process_memory_bytes:max" "max by (instance) (${prefix}_process_memory_bytes${own})")
      (record "ai_stack:ready:min" "min by (instance) (${prefix}_ready${own})")
      (record "ai_stack:circuit_breaker_state:max" ''max by (dependency) (label_replace(${prefix}_circuit_breaker_state${own}, "dependency", "$1", "service", "(.+)"))'')
      (record "ai_stack:memory_limit_bytes" "vector(${toString (common.toBytes service.memoryMax)})")
      (record "ai_stack:latency_objective_seconds" "vector(${builtins.toJSON service.slo.latency})")
      (record "ai_stack:error_budget:ratio" "vector(1 - ${builtins.toJSON service.slo.availability})")
    ]
    ++ map (
      window: record "ai_stack:http_errors:ratio_rate${window}" "${failures window} / ${rate window}"
    ) windows;
in
{
  options.services.ai-stack.services = lib.mkOption {
    type = lib.types.attrsOf (
      lib.types.submodule (
        { name, config, ... }:
        {
          options = {
            metrics.prefix = lib.mkOption {
              type = lib.types.strMatching "[a-zA-Z_][a-zA-Z0-9_]*";
              default = lib.replaceStrings [ "-" ] [ "_" ] name;
              defaultText = lib.literalMD "the name of the service, with underscores";
              description = "What the names of the service's measurements begin with.";
            };
            metrics.httpPrefix = lib.mkOption {
              type = lib.types.strMatching "[a-zA-Z_][a-zA-Z0-9_]*";
              default = config.metrics.prefix;
              defaultText = lib.literalMD "`metrics.prefix`";
              description = "What the names of the measurements of its requests begin with.";
            };
            slo.availability = lib.mkOption {
              type = lib.types.addCheck lib.types.float (share: share > 0.0 && share < 1.0) // {
                description = "number between 0 and 1";
              };
              default = 0.999;
              example = 0.99;
              description = "Share of requests, over 30 days, that must not fail on the service's side (status 500 and above). Alerts follow from how fast the rest is used up.";
            };
            slo.latency = lib.mkOption {
              type = lib.types.addCheck lib.types.float (seconds: seconds > 0.0) // {
                description = "positive number";
              };
              default = 1.0;
              example = 0.25;
              description = "Seconds within which 95 of 100 requests should be answered.";
            };
          };
        }
      )
    );
  };

  config.services.ai-stack.prometheus.groups.ai-stack-recording = lib.concatLists (
    lib.mapAttrsToList rulesOf (observability.instrumented cfg.services)
  );
}
