# The index of NixOS documentation, built ahead from pinned sources, and the directory it is built from.
{
  lib,
  ai-stack,
  fetchFromGitHub,
  linkFarm,
  path,
  runCommand,
}:
let
  sources = {
    nixos = "${path}/nixos/doc/manual";
    nixpkgs = "${path}/doc";
    nix =
      fetchFromGitHub {
        owner = "NixOS";
        repo = "nix";
        rev = "88b09c64fbea076a0376830d98e5331f70ed31a3";
        hash = "sha256-qtDusLx9yn0aME9D9Oe5QhFnmDUaARwMJo/vt4+DtIU=";
      }
      + "/doc/manual/source";
    "nix.dev" =
      fetchFromGitHub {
        owner = "NixOS";
        repo = "nix.dev";
        rev = "924b7607dc7a48210aefa9a3f01a1e4a0c262e72";
        hash = "sha256-fdnR0jWus+o02MuA8jxpGilGxZM4UXTi8NDXkBBW4xg=";
      }
      + "/source";
    nix-pills =
      fetchFromGitHub {
        owner = "NixOS";
        repo = "nix-pills";
        rev = "0047dc6b80279e589ff2e94a4f7556dd97b18f30";
        hash = "sha256-4aBQ4szYtyUkJMrzapnV1XGs0yu4KrjXLyn6IHD0yCA=";
      }
      + "/pills";
    home-manager =
      fetchFromGitHub {
        owner = "nix-community";
        repo = "home-manager";
        rev = "ec1a8fdf74ed3f276148ee106299a2ba0e65d51f";
        hash = "sha256-XL2qfqmocfsvuEGyomZg4nOZfkuSe8vZtrOX99I+b6I=";
      }
      + "/docs/manual";
  };
  docs = linkFarm "nixos-documentation" sources;
in
runCommand "ai-stack-docs-index"
  {
    passthru = { inherit docs; };
    meta = {
      description = "Full-text index of the manuals of NixOS, nixpkgs, Nix and Home Manager";
      platforms = lib.platforms.linux;
    };
  }
  ''
    mkdir $out
    ${lib.getExe' ai-stack "ai-stack-nixos-docs-build"} --docs ${docs} --output $out/index.sqlite
  ''
