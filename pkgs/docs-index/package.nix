# The index that nixos-docs opens. The same sources give the same bytes.
{
  lib,
  ai-stack,
  ai-stack-docs-sources,
  runCommand,
}:

runCommand "ai-stack-docs-index"
  {
    nativeBuildInputs = [ ai-stack ];

    meta = {
      description = "Search index over the documentation of Nix, nixpkgs, NixOS and Home Manager";
      inherit (ai-stack-docs-sources.meta) license platforms;
    };
  }
  ''
    mkdir "$out"
    ai-stack-nixos-docs-build --docs ${ai-stack-docs-sources} --output "$out"
  ''
