# The network between a client and the stack loses packets, and then all of them.
{
  name = "faults";
  nodes = {
    server =
      { pkgs, ... }:
      {
        imports = [ ../lib/documents.nix ];
        environment.systemPackages = [ pkgs.nftables ];
      };
    client = ../lib/client.nix;
  };
}
