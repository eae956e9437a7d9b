# A short time of many clients at once: nothing fails, nothing restarts, nothing grows beyond its limit.
{
  name = "load";
  nodes = {
    server = ../lib/documents.nix;
    client = ../lib/client.nix;
  };
}
