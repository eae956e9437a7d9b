# The packages of this repository, made from the packages of nixpkgs.
{ pkgs }:
let
  inherit (pkgs) lib;
  python3Packages = pkgs.python3Packages.overrideScope (import ./python);
  self = {
    ai-stack = pkgs.callPackage ./ai-stack { inherit python3Packages; };
    ai-stack-model = pkgs.callPackage ./model { };
    ai-stack-docs-index = pkgs.callPackage ./docs-index { inherit (self) ai-stack; };
    ai-stack-jaeger = pkgs.callPackage ./jaeger { };
  };
in
lib.filterAttrs (_: package: lib.meta.availableOn pkgs.stdenv.hostPlatform package) self
