# Keys: scopes, new and revoked ones while the services run, and those of the services among each other.
{
  name = "auth";
  nodes = {
    server = ../lib/documents.nix;
    client = ../lib/client.nix;
  };
}
