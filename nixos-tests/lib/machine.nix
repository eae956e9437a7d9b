# What every machine of a story has.
{ pkgs, ... }:
{
  environment.systemPackages = [
    pkgs.curl
    pkgs.jq
    pkgs.openssl
    pkgs.python3
  ];
}
