# Alerts on every service, on the names that recording.nix gives to their measurements.
{ config, lib, ... }:
let
  cfg = config.services.ai-stack;
  observability = import ../lib.nix { inherit lib; };

  # Below one request in 20 seconds a single failure is a large share; the windows are long enough for 15 requests.
  busy = "ai_stack:http_requests:rate5m > 0.05";

  # Multiwindow, multi-burn-rate alerts: Site Reliability Workbook, chapter 5, "Alerting on SLOs", table 5-8. The factor
  # is how many times faster than allowed the budget of 30 days is spent.
  burn =
    {
      factor,
      long,
      short,
      severity,
      for,
      budget,
    }:
    let
      above =
        window:
        "ai_stack:http_errors:ratio_rate${window} > on (component) ${builtins.toJSON factor} * ai_stack:error_budget:ratio";
    in
    {
      expr = "${above long} and on (component) (${above short}) and on (component) (${busy})";
      inherit for severity;
      summary = "{{ $labels.component }} fails {{ $value | humanizePercentage }} of its requests";
      description = "${budget} of the failures allowed in 30 days happened within ${long}, and it goes on.";
    };
in
{
  config.services.ai-stack.alerts = lib.mkIf cfg.prometheus.enable (
    observability.defaults {
      ServiceHealthCheckFailing = {
        expr = ''up{component!=""} == 0'';
        for = "2m";
        severity = "critical";
        summary = "{{ $labels.component }} at {{ $labels.instance }} does not answer";
        description = "Prometheus has had no answer for two minutes. Requests to it fail or are answered without it.";
      };
      ServiceNotReady = {
        expr = "ai_stack:ready:min == 0";
        for = "5m";
        severity = "critical";
        summary = "{{ $labels.component }} at {{ $labels.instance }} is not ready";
        description = "It runs, but lacks something of its own without which it cannot serve.";
      };
      ServiceRestarting = {
        expr = ''increase(node_systemd_service_restart_total{name=~"ai-stack-.+"}[15m]) > 3'';
        for = "0";
        summary = "{{ $labels.name }} keeps restarting";
        description = "More than three restarts within 15 minutes: it ends soon after it starts, or the watchdog ends it.";
      };
      UnitFailed = {
        expr = ''node_systemd_unit_state{state="failed"} == 1'';
        for = "5m";
        summary = "The unit {{ $labels.name }} has failed";
        description = "systemd has given up on it until somebody starts it again.";
      };
      CircuitBreakerOpen = {
        expr = "ai_stack:circuit_breaker_state:max == 2";
        for = "1m";
        severity = "critical";
        summary = "{{ $labels.component }} no longer calls {{ $labels.dependency }}";
        description = "The calls failed so often that they are refused at once. Answers are degraded or fail.";
      };
      CircuitBreakerHalfOpen = {
        # A probe takes seconds, so the state itself never lasts; being seen in it again and again does.
        expr = "sum_over_time((ai_stack:circuit_breaker_state:max == bool 1)[10m:30s]) >= 2";
        for = "0";
        summary = "{{ $labels.component }} probes {{ $labels.dependency }} again and again";
        description = "The dependency recovers for moments, or answers too slowly to be trusted again.";
      };
      HighErrorRate = {
        expr = "ai_stack:http_errors:ratio_rate5m > 0.05 and on (component) (${busy})";
        for = "2m";
        summary = "{{ $labels.component }} fails {{ $value | humanizePercentage }} of its requests";
        description = "More than one in twenty requests was answered with a status of 500 or above.";
      };
      HighLatency = {
        expr = "ai_stack:http_latency_seconds:p95_5m > on (component) ai_stack:latency_objective_seconds and on (component) (${busy})";
        for = "10m";
        summary = "{{ $labels.component }} is slow: the 95th percentile is {{ $value | humanizeDuration }}";
        description = "Slower than `slo.latency` of the service.";
      };
      ErrorBudgetBurnFast = burn {
        factor = 14.4;
        long = "1h";
        short = "5m";
        severity = "critical";
        for = "2m";
        budget = "2 %";
      };
      ErrorBudgetBurnMedium = burn {
        factor = 6;
        long = "6h";
        short = "30m";
        severity = "critical";
        for = "15m";
        budget = "5 %";
      };
      ErrorBudgetBurnSlow = burn {
        factor = 1;
        long = "3d";
        short = "6h";
        severity = "warning";
        for = "1h";
        budget = "10 %";
      };
      ServiceMemoryHigh = {
        expr = "ai_stack:process_memory_bytes:max / on (component) group_left () ai_stack:memory_limit_bytes > 0.85";
        for = "10m";
        summary = "{{ $labels.component }} at {{ $labels.instance }} uses {{ $value | humanizePercentage }} of its memory";
        description = "From 90 % on the kernel takes memory back and the service slows down; beyond its `memoryMax` it is ended.";
      };
    }
  );
}
