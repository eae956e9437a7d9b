# The rails without any service on them: import this for services of your own alone.
{
  imports = [
    ./packages.nix
    ./stack.nix
    ./units.nix
    ./hardening.nix
    ./secrets.nix
    ./rotation.nix
    ./stores.nix
    ./tls.nix
    ./gateway.nix
    ./balancer.nix
    ./observability
    ./backup.nix
    ./collector.nix
    ./state-version.nix
    ./names.nix
    ./assertions.nix
  ];
}
