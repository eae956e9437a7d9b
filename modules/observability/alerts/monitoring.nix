# Alerts on what watches.
{ config, lib, ... }:
let
  cfg = config.services.ai-stack;
  observability = import ../lib.nix { inherit lib; };
in
{
  config.services.ai-stack.alerts = lib.mkIf cfg.prometheus.enable (
    observability.defaults (
      {
        PrometheusTargetDown = {
          expr = ''up{component=""} == 0'';
          for = "5m";
          summary = "{{ $labels.job }} at {{ $labels.instance }} cannot be measured";
          description = "It is down, or only its measurements are. Alerts that rest on them cannot fire.";
        };
        PrometheusRuleFailures = {
          expr = "increase(prometheus_rule_evaluation_failures_total[10m]) > 0";
          for = "5m";
          summary = "Prometheus fails to evaluate rules of {{ $labels.rule_group }}";
          description = "Alerts of this group may be missing.";
        };
      }
      // lib.optionalAttrs cfg.alertmanager.enable {
        AlertmanagerNotFound = {
          expr = "prometheus_notifications_alertmanagers_discovered < 1";
          for = "5m";
          severity = "critical";
          summary = "Prometheus knows no Alertmanager";
          description = "Nobody is told about alerts.";
        };
        AlertsNotDelivered = {
          expr = "sum by (instance, integration) (increase(alertmanager_notifications_failed_total[15m])) > 0";
          for = "5m";
          severity = "critical";
          summary = "Alertmanager fails to deliver through {{ $labels.integration }}";
          description = "Nobody is told about alerts.";
        };
      }
    )
  );
}
