# The stores: nixpkgs' own modules on this machine, or servers elsewhere. A service asks for one in its entry, and gets
# the address, the credential, the order of start and the way through its sandbox.
{
  imports = [
    ./stores/postgresql.nix
    ./stores/redis.nix
    ./stores/qdrant.nix
  ];
}
