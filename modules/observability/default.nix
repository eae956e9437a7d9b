# Metrics, alerts, dashboards and traces, derived from the services that are declared.
{
  imports = [
    ./metrics.nix
    ./prometheus.nix
    ./exporters.nix
    ./recording.nix
    ./alerts.nix
    ./alerts/services.nix
    ./alerts/gateway.nix
    ./alerts/machine.nix
    ./alerts/stores.nix
    ./alerts/backup.nix
    ./alerts/monitoring.nix
    ./alertmanager.nix
    ./dashboards.nix
    ./dashboards/overview.nix
    ./dashboards/services.nix
    ./dashboards/machine.nix
    ./dashboards/stores.nix
    ./dashboards/runbooks.nix
    ./grafana.nix
    ./tracing.nix
    ./jaeger.nix
    ./tempo.nix
  ];
}
