# Processes, and then the machine, are killed while a client writes.
{
  name = "recovery";
  nodes = {
    server = ../lib/documents.nix;
    client = ../lib/client.nix;
  };
}
