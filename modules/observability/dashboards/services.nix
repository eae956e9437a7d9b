# One dashboard a service: what the runtime measures, then the service's own panels.
{ config, lib, ... }:
let
  cfg = config.services.ai-stack;
  observability = import ../lib.nix { inherit lib; };

  everyService = name: [
    {
      title = "Up";
      type = "stat";
      width = 4;
      queries = [
        {
          expr = ''up{component="${name}"}'';
          legend = "{{instance}}";
        }
      ];
      values = {
        "0" = "down";
        "1" = "up";
      };
    }
    {
      title = "Restarts";
      width = 8;
      queries = [
        {
          expr = ''increase(node_systemd_service_restart_total{name=~"ai-stack-${name}(@[0-9]+)?.service"}[15m])'';
          legend = "{{name}}";
        }
      ];
    }
  ];

  ofRuntime =
    name: service:
    let
      inherit (service.metrics) prefix httpPrefix;
      own = ''component="${name}"'';
    in
    [
      {
        title = "Error budget left, of 3 days";
        type = "stat";
        width = 4;
        unit = "percentunit";
        min = null;
        description = "1 when nothing failed, 0 when as much failed as `slo.availability` allows, below when more did.";
        queries = [
          {
            expr = "1 - ai_stack:http_errors:ratio_rate3d{${own}} / on (component) ai_stack:error_budget:ratio{${own}}";
          }
        ];
      }
      {
        title = "In flight";
        width = 8;
        queries = [
          {
            expr = "${httpPrefix}_requests_in_flight{${own}}";
            legend = "{{instance}}";
          }
        ];
      }
      {
        title = "Requests";
        unit = "reqps";
        stacked = true;
        queries = [
          {
            expr = "sum by (endpoint) (rate(${httpPrefix}_requests_total{${own}}[5m]))";
            legend = "{{endpoint}}";
          }
        ];
      }
      {
        title = "Errors";
        unit = "reqps";
        stacked = true;
        queries = [
          {
            expr = "sum by (status) (rate(${httpPrefix}_request_errors_total{${own}}[5m]))";
            legend = "{{status}}";
          }
        ];
      }
      {
        title = "Latency";
        unit = "s";
        queries =
          map
            (quantile: {
              expr = "histogram_quantile(${quantile}, sum by (le) (rate(${httpPrefix}_request_latency_seconds_bucket{${own}}[5m])))";
              legend = "p${lib.removePrefix "0." quantile}";
            })
            [
              "0.50"
              "0.95"
              "0.99"
            ]
          ++ [
            {
              expr = "ai_stack:latency_objective_seconds{${own}}";
              legend = "objective for p95";
            }
          ];
      }
      {
        title = "Latency p95 by endpoint";
        unit = "s";
        queries = [
          {
            expr = "histogram_quantile(0.95, sum by (le, endpoint) (rate(${httpPrefix}_request_latency_seconds_bucket{${own}}[5m])))";
            legend = "{{endpoint}}";
          }
        ];
      }
      {
        title = "Memory";
        unit = "bytes";
        queries = [
          {
            expr = "${prefix}_process_memory_bytes{${own}}";
            legend = "{{instance}}";
          }
          {
            expr = "ai_stack:memory_limit_bytes{${own}}";
            legend = "limit";
          }
        ];
      }
      {
        title = "Failed calls to dependencies";
        unit = "cps";
        queries = [
          {
            expr = ''sum by (dependency) (label_replace(rate(${prefix}_circuit_breaker_failures_total{${own}}[5m]), "dependency", "$1", "service", "(.+)"))'';
            legend = "{{dependency}}";
          }
        ];
      }
    ];

  dashboard =
    name: service:
    lib.nameValuePair "ai-stack-${name}" {
      title = lib.mkDefault "AI Stack / ${name}";
      panels = lib.mkMerge [
        (lib.mkBefore (
          everyService name ++ lib.optionals (service.runtime == "ai-stack") (ofRuntime name service)
        ))
        service.dashboard.panels
        (lib.mkIf cfg.logs.enable (
          lib.mkAfter [
            {
              title = "Log";
              type = "logs";
              description = "What its units on this machine have written. The details of a line link to its trace.";
              width = 24;
              height = 12;
              queries = [ { expr = ''{service="${name}"}''; } ];
            }
          ]
        ))
      ];
    };
in
{
  config.services.ai-stack.dashboards = lib.mkIf cfg.grafana.enable (
    lib.mapAttrs' dashboard (observability.observed cfg.services)
  );
}
