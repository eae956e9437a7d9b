# Pure helpers of the modules in this folder.
{ lib }:
rec {
  # Services that answer with measurements, on this machine or elsewhere.
  observed = lib.filterAttrs (_: service: service.endpoints != [ ] && service.metrics.enable);

  # Of these, the ones whose measurements have the names of the runtime.
  instrumented =
    services: lib.filterAttrs (_: service: service.runtime == "ai-stack") (observed services);

  # Definitions that a person can override option by option, without mkForce.
  defaults = lib.mapAttrs (_: lib.mapAttrs (_: lib.mkDefault));

  # "30d" as PromQL and Prometheus' flags want it: a subset of systemd.time(7), too.
  duration = lib.types.strMatching "[1-9][0-9]*(s|m|h|d|w|y)";

  # Whether Grafana has a data source for traces.
  keepsTraces = cfg: cfg.tracing.enable && cfg.tracing.backend != "otlp";

  # What a data source for traces says about the way to the logs of a span.
  # https://grafana.com/docs/grafana/latest/datasources/tempo/configure-tempo-data-source/#trace-to-logs
  tracesToLogs =
    cfg: query:
    lib.optionalAttrs cfg.logs.enable {
      jsonData.tracesToLogsV2 = {
        datasourceUid = "ai-stack-logs";
        spanStartTimeShift = "-5m";
        spanEndTimeShift = "5m";
      }
      // query;
    };

  # What a unit of nixpkgs may exchange packets with, given the hosts it must reach.
  network =
    common: hosts:
    let
      reach = map common.reach hosts;
    in
    {
      IPAddressAllow = lib.mkDefault ([ "localhost" ] ++ lib.concatMap (r: r.addresses) reach);
    }
    // lib.optionalAttrs (lib.any (r: r.needsNames) reach) { IPAddressDeny = lib.mkDefault ""; };
}
