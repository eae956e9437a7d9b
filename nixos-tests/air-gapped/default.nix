# A machine that can reach nothing: no route, no name server.
{
  name = "air-gapped";
  nodes.server = {
    imports = [ ../lib/server.nix ];
    virtualisation.restrictNetwork = true;
    networking = {
      useDHCP = false;
      nameservers = [ ];
    };
  };
}
