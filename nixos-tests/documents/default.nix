# What an operator does with documents: stores them in every way, looks for them, deletes them.
{
  name = "documents";
  nodes = {
    server = ../lib/documents.nix;
    client = ../lib/client.nix;
  };
}
