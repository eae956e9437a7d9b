# Two machines: the stack, and a person who asks it a question.
{
  name = "stack";
  nodes = {
    server = ../lib/server.nix;
    client = ../lib/client.nix;
  };
}
