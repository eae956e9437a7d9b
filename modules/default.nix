# The framework and the services that come along.
{
  imports = [
    ./framework.nix
  ];
}
