# A machine is backed up, loses its data and gets them back; two new machines are made from the same backup.
let
  whole =
    domain:
    { lib, ... }:
    {
      imports = [ ../lib/server.nix ];
      virtualisation.memorySize = lib.mkForce 4096;
      services.ai-stack.domain = lib.mkForce domain;
      # where the new machines fetch the backup
      networking.firewall.allowedTCPPorts = [ 9999 ];
    };
in
{
  name = "backup-restore";
  nodes = {
    server = whole "server";
    second = whole "second";
    third = whole "third";
  };
}
