# The overview of the stack: five panels on all services, and what services add to it.
{ config, lib, ... }:
let
  cfg = config.services.ai-stack;
  observability = import ../lib.nix { inherit lib; };
in
{
  config.services.ai-stack.dashboards.ai-stack-overview = lib.mkIf cfg.grafana.enable {
    title = "AI Stack Overview";
    refresh = "10s";
    range = "1h";
    panels = lib.mkMerge [
      (lib.mkBefore [
        {
          title = "HTTP Requests (req/s)";
          unit = "reqps";
          queries = [ { expr = "ai_stack:http_requests:rate5m"; } ];
        }
        {
          title = "HTTP Errors (req/s)";
          unit = "reqps";
          queries = [ { expr = "ai_stack:http_request_errors:rate5m"; } ];
        }
        {
          title = "HTTP Latency p95 (s)";
          unit = "s";
          queries = [ { expr = "ai_stack:http_latency_seconds:p95_5m"; } ];
        }
        {
          title = "Process Memory (MB)";
          unit = "decmbytes";
          queries = [
            {
              expr = "ai_stack:process_memory_bytes:max / 1024 / 1024";
              legend = "{{component}} {{instance}}";
            }
          ];
        }
        {
          title = "Circuit Breaker State";
          type = "state-timeline";
          queries = [
            {
              expr = "ai_stack:circuit_breaker_state:max";
              legend = "{{component}} → {{dependency}}";
            }
          ];
          values = {
            "0" = "closed";
            "1" = "half-open";
            "2" = "open";
          };
          thresholds = [
            {
              from = 1;
              color = "yellow";
            }
            {
              from = 2;
              color = "red";
            }
          ];
        }
      ])
      (lib.concatMap (service: service.dashboard.overview) (
        lib.attrValues (observability.observed cfg.services)
      ))
    ];
  };
}
