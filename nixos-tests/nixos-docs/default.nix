# Answers about the options of a system: from a second machine, with embeddings down, and from a renewed index.
{
  name = "nixos-docs";
  nodes = {
    server = {
      imports = [ ../lib/server.nix ];
      services.ai-stack.services = {
        aidb.enable = false;
        hybrid-coordinator.enable = false;
        nixos-docs.settings.options = "${./options.json}";
      };
    };
    client = ../lib/client.nix;
  };
}
