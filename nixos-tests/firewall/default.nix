# What another machine reaches: the gateway, where it is opened, and nothing else.
{ lib, ... }:
{
  name = "firewall";
  nodes = {
    server = ../lib/server.nix;
    closed = {
      imports = [ ../lib/framework.nix ];
      services.ai-stack.openFirewall = lib.mkForce false;
    };
    client = ../lib/client.nix;
  };
}
