# The rails with one small program on them, and no service of the stack.
{ pkgs, ... }:
{
  imports = [
    ../../modules/framework.nix
    ./machine.nix
  ];

  services.ai-stack = {
    enable = true;
    domain = "server";
    openFirewall = true;
    grafana.enable = false;
    tracing.enable = false;
    services.greeter = {
      package = pkgs.python3;
      runtime = "other";
      port = 8110;
      route = "/greeter/";
      metrics.enable = false;
      command = [
        "${pkgs.python3}/bin/python3"
        "${./greeter.py}"
      ];
    };
  };
}
