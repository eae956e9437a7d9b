{
  description = "A translator, and the machine that runs it";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";
    ai-stack.url = "flake:ai-stack";
    ai-stack.inputs.nixpkgs.follows = "nixpkgs";
  };

  outputs =
    {
      self,
      nixpkgs,
      ai-stack,
    }:
    let
      forSystems = nixpkgs.lib.genAttrs [
        "x86_64-linux"
        "aarch64-linux"
      ];
    in
    {
      packages = forSystems (
        system:
        let
          pkgs = nixpkgs.legacyPackages.${system}.extend ai-stack.overlays.default;
        in
        {
          default = pkgs.python3Packages.callPackage ./package.nix { };
        }
      );

      # The tests of the service run in its build.
      checks = self.packages;

      nixosConfigurations.machine = nixpkgs.lib.nixosSystem {
        modules = [
          # `default` in place of `framework` brings the AI services as well.
          ai-stack.nixosModules.framework
          ./hardware-configuration.nix
          (
            { pkgs, ... }:
            {
              services.ai-stack = {
                enable = true;
                domain = "apps.example.org";
                openFirewall = true;
                services.translator = {
                  package = self.packages.${pkgs.stdenv.hostPlatform.system}.default;
                  port = 8100;
                  route = "/translator/";
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
