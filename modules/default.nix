# The framework and the services that come along.
{
  imports = [
    ./framework.nix
    ./services/embeddings.nix
    ./services/embeddings-observability.nix
    ./services/aidb.nix
    ./services/aidb-observability.nix
    ./services/hybrid-coordinator.nix
    ./services/hybrid-coordinator-observability.nix
    ./services/nixos-docs.nix
    ./services/nixos-docs-observability.nix
    ./services/status-page.nix
  ];
}
