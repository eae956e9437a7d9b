# A machine is backed up, loses its data and gets them back; two new machines are made from the same backup.
let
  whole =
    { lib, ... }:
    {
      imports = [ ../lib/server.nix ];
      virtualisation.memorySize = lib.mkForce 4096;
      # where the new machines fetch the backup
      networking.firewall.allowedTCPPorts = [ 9999 ];
    };
in
{
  name = "backup-restore";
  nodes = {
    server = whole;
    second = whole;
    third = whole;
  };
}
