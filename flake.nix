{
  description = "Hardened, observed aiohttp services on NixOS, and the AI knowledge stack that stands on them";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";

  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;
      forSystems = lib.genAttrs [
        "x86_64-linux"
        "aarch64-linux"
      ];
    in
    {
      nixosModules = {
        default = ./modules;
        framework = ./modules/framework.nix;
      };
      overlays.default = import ./pkgs/overlay.nix;
      packages = forSystems (
        system:
        let
          packages = import ./pkgs { pkgs = nixpkgs.legacyPackages.${system}; };
        in
        packages // { default = packages.ai-stack; }
      );
      # Building the package runs the unit tests with the libraries of nixpkgs; the stories run in virtual machines.
      checks = lib.mapAttrs (
        system: packages:
        {
          inherit (packages) ai-stack;
          formatting =
            let
              pkgs = nixpkgs.legacyPackages.${system};
            in
            pkgs.runCommand "ai-stack-formatting" { nativeBuildInputs = [ pkgs.nixfmt ]; } ''
              find ${self} -name '*.nix' -print0 | xargs -0 nixfmt --check
              touch "$out"
            '';
        }
        // lib.optionalAttrs (system == "x86_64-linux") (
          lib.mapAttrs' (name: lib.nameValuePair "vm-${name}") (
            import ./nixos-tests { pkgs = nixpkgs.legacyPackages.${system}; }
          )
        )
      ) self.packages;
      # Complete machines, as examples and for the tests.
      nixosConfigurations = lib.mapAttrs' (
        file: _:
        lib.nameValuePair (lib.removeSuffix ".nix" file) (
          lib.nixosSystem {
            system = "x86_64-linux";
            modules = [
              ./tests/nix/configurations/${file}
              {
                boot.isContainer = true;
                system.stateVersion = "26.05";
              }
            ];
          }
        )
      ) (builtins.readDir ./tests/nix/configurations);
      templates = import ./templates;
      apps = forSystems (
        system:
        let
          pkgs = nixpkgs.legacyPackages.${system}.extend self.overlays.default;
          app = program: {
            type = "app";
            program = lib.getExe program;
            meta = { inherit (program.meta) description; };
          };
        in
        {
          default = app pkgs.ai-stack;
          docs = app (pkgs.callPackage ./pkgs/docs-site/package.nix { });
          load-test = app (pkgs.callPackage ./pkgs/load-test/package.nix { });
          quickstart = app (pkgs.callPackage ./pkgs/quickstart/package.nix { });
        }
      );
      devShells = forSystems (
        system:
        let
          pkgs = nixpkgs.legacyPackages.${system};
        in
        {
          # What scripts/test needs for all of its layers.
          default = pkgs.mkShell {
            packages = [
              pkgs.jq
              pkgs.nginx
              pkgs.nixfmt
              pkgs.openssl
              pkgs.prometheus.cli
              pkgs.python3
              pkgs.shellcheck
              pkgs.systemd
              pkgs.uv
            ];
          };
        }
      );
      formatter = forSystems (system: nixpkgs.legacyPackages.${system}.nixfmt-tree);
    };
}
