{
  description = "A machine with the AI stack";

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
          ai-stack.nixosModules.default
          ./configuration.nix
        ];
      };
    };
}
