# Grafana and Jaeger: dashboards are provisioned, and a trace can be looked at.
{ lib, ... }:
{
  name = "dashboards";
  nodes = {
    server = {
      imports = [ ../lib/server.nix ];
      services.ai-stack = {
        grafana.enable = lib.mkForce true;
        tracing.enable = lib.mkForce true;
      };
    };
    client = ../lib/client.nix;
  };
}
