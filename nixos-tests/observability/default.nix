# What an operator sees: measurements, alerts, traces, and one id through all logs.
{ lib, ... }:
{
  name = "observability";
  nodes = {
    server = {
      imports = [ ../lib/server.nix ];
      environment.etc."stories/receiver.py".source = ../lib/receiver.py;
      services.ai-stack = {
        tracing = {
          enable = lib.mkForce true;
          backend = "otlp";
          endpoint = "http://127.0.0.1:4319";
        };
        prometheus.scrapeInterval = "2s";
        alerts = {
          PrometheusTargetDown.for = "2s";
          ServiceHealthCheckFailing.for = "2s";
          ServiceNotReady.for = "2s";
          RedisDown.for = "2s";
        };
      };
    };
    client = ../lib/client.nix;
  };
}
