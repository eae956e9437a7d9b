# nixos-docs: search over the documentation of NixOS, without the network.
{ config, lib, ... }:
let
  inherit (config.services.ai-stack) packages;
in
{
  services.ai-stack.services.nixos-docs = {
    package = lib.mkDefault packages.ai-stack;
    executable = "ai-stack-nixos-docs";
    port = lib.mkDefault 8094;
    route = lib.mkDefault "/nixos-docs/";

    settings = {
      # Built ahead; a file in the state directory and `docs` make the service build and refresh its own.
      index = lib.mkDefault "${packages.ai-stack-docs-index}/index.sqlite";
    };

    memoryMax = lib.mkDefault "512M";
  };
}
