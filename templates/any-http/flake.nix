{
  description = "A web site, and the machine that serves it";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";
    ai-stack.url = "flake:ai-stack";
    ai-stack.inputs.nixpkgs.follows = "nixpkgs";
  };

  outputs =
    { nixpkgs, ai-stack, ... }:
    {
      nixosConfigurations.machine = nixpkgs.lib.nixosSystem {
        modules = [
          # `default` in place of `framework` brings the AI services as well.
          ai-stack.nixosModules.framework
          ./hardware-configuration.nix
          (
            { lib, pkgs, ... }:
            {
              services.ai-stack = {
                enable = true;
                domain = "apps.example.org";
                openFirewall = true;
                services.site = {
                  package = pkgs.static-web-server;
                  # It knows nothing of ai-stack: the command says what it needs, HOST and PORT are in its environment.
                  runtime = "other";
                  command = [
                    (lib.getExe pkgs.static-web-server)
                    "--host=127.0.0.1"
                    "--port=8200"
                    "--root=${./site}"
                  ];
                  port = 8200;
                  route = "/site/";
                };
              };

              networking.hostName = "machine";
              system.stateVersion = "26.05";
            }
          )
        ];
      };
    };
}
