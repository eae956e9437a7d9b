# Documents and vectors without documentation and learned context: enough for most stories, and sooner up.
{
  imports = [ ./server.nix ];
  services.ai-stack.services = {
    hybrid-coordinator.enable = false;
    nixos-docs.enable = false;
  };
}
