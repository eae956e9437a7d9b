# Where secrets are, and where they are not.
{
  name = "secrets";
  nodes = {
    server = ../lib/server.nix;
    client = ../lib/client.nix;
  };
}
