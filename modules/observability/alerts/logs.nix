# Alerts on the way of the logs.
{ config, lib, ... }:
let
  cfg = config.services.ai-stack;
  observability = import ../lib.nix { inherit lib; };
  failing = what: "sum by (instance) (rate(${what}[5m])) > 0";
in
{
  config.services.ai-stack.alerts = lib.mkIf (cfg.prometheus.enable && cfg.logs.enable) (
    observability.defaults {
      LogsNotShipped = {
        expr = lib.concatMapStringsSep " or " failing [
          ''vector_http_client_errors_total{job="ai-stack-vector"}''
          ''vector_http_client_responses_total{job="ai-stack-vector",status!~"2.."}''
          ''vector_component_errors_total{job="ai-stack-vector",component_id="journal"}''
        ];
        for = "10m";
        summary = "Log lines do not reach Loki";
        description = "They are in the journal, but Grafana does not show them.";
      };
      LogStoreFailing = {
        expr = lib.concatMapStringsSep " or " failing [
          ''loki_request_duration_seconds_count{status_code=~"5.."}''
          "loki_ingester_chunks_flush_failures_total"
          "loki_ingester_wal_disk_full_failures_total"
        ];
        for = "5m";
        summary = "Loki fails to store or to find log lines";
        description = "What it holds in memory only would be lost with it; the journal still has it.";
      };
    }
  );
}
