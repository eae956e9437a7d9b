# The framework and the services that come along.
{
  imports = [
    ./framework.nix
    ./services/embeddings.nix
    ./services/aidb.nix
    ./services/hybrid-coordinator.nix
    ./services/nixos-docs.nix
  ];
}
