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
      # Building the package runs the unit tests with the libraries of nixpkgs.
      checks = lib.mapAttrs (_: packages: { inherit (packages) ai-stack; }) self.packages;
      templates = import ./templates;
      formatter = forSystems (system: nixpkgs.legacyPackages.${system}.nixfmt-tree);
    };
}
