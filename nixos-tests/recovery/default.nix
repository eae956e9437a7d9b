# Processes, and then the machine, are killed while a client writes.
{ lib, ... }:
{
  name = "recovery";
  nodes = {
    server = {
      imports = [ ../lib/documents.nix ];
      # a third of the usual, since the story waits for it
      systemd.services.ai-stack-aidb.serviceConfig.WatchdogSec = lib.mkForce "10s";
    };
    client = ../lib/client.nix;
  };
}
