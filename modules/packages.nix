# Where the packages of this repository come from: its own set on top of the machine's nixpkgs.
{ lib, pkgs, ... }:
{
  options.services.ai-stack.packages = lib.mkOption {
    type = lib.types.lazyAttrsOf lib.types.package;
    default = import ../pkgs { inherit pkgs; };
    defaultText = lib.literalMD "the packages of this repository";
    example = lib.literalExpression "inputs.ai-stack.packages.x86_64-linux";
    description = "Packages that the services are taken from.";
  };
}
