# The packages of this repository made from `pkgs`, which itself stays as it is: those that run on its platform.
{ pkgs }:
let
  inherit (pkgs) lib;
  extended = pkgs.extend (import ./overlay.nix);
in
lib.filterAttrs (_: lib.meta.availableOn pkgs.stdenv.hostPlatform) {
  inherit (extended)
    ai-stack
    ai-stack-model
    ai-stack-model-onnx
    ai-stack-docs-sources
    ai-stack-docs-index
    ai-stack-jaeger
    ;
}
