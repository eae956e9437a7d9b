# The page for operators at the gateway: who sees it, and whether it tells what is the case.
{
  name = "status-page";
  nodes = {
    server = ../lib/documents.nix;
    client = ../lib/client.nix;
  };
}
