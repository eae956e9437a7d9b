# A service of one's own on the rails, without those that come along.
{ pkgs, ... }:
{
  imports = [ ../../../modules/framework.nix ];
  services.ai-stack = {
    enable = true;
    services.translator = {
      package = pkgs.hello;
      port = 8100;
      route = "/translator/";
    };
  };
}
