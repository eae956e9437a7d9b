# The documentation that nixos-docs searches: text files only, a folder for each source, named as nixos-docs knows them.
# The manuals of NixOS and nixpkgs are those of the very nixpkgs in use; the others are pinned here.
{
  lib,
  fetchFromGitHub,
  path,
  runCommand,
}:
let
  # Copying nixpkgs as a whole into the store would take longer than all the rest.
  nixpkgs = lib.cleanSourceWith {
    name = "nixpkgs-docs";
    src = path;
    filter =
      file: type:
      let
        relative = lib.removePrefix "${toString path}/" (toString file);
        below = directory: relative == directory || lib.hasPrefix "${directory}/" relative;
        above = directory: lib.hasPrefix "${relative}/" directory;
        wanted = [
          "doc"
          "nixos/doc/manual"
          "nixos/modules"
        ];
      in
      if type == "directory" then
        lib.any (directory: below directory || above directory) wanted
      else
        type == "regular" && lib.hasSuffix ".md" relative && lib.any below wanted;
  };

  nix-dev = fetchFromGitHub {
    owner = "NixOS";
    repo = "nix.dev";
    rev = "924b7607dc7a48210aefa9a3f01a1e4a0c262e72";
    hash = "sha256-fdnR0jWus+o02MuA8jxpGilGxZM4UXTi8NDXkBBW4xg=";
  };
  nix = fetchFromGitHub {
    owner = "NixOS";
    repo = "nix";
    rev = "88b09c64fbea076a0376830d98e5331f70ed31a3";
    hash = "sha256-qtDusLx9yn0aME9D9Oe5QhFnmDUaARwMJo/vt4+DtIU=";
  };
  nix-pills = fetchFromGitHub {
    owner = "NixOS";
    repo = "nix-pills";
    rev = "0047dc6b80279e589ff2e94a4f7556dd97b18f30";
    hash = "sha256-4aBQ4szYtyUkJMrzapnV1XGs0yu4KrjXLyn6IHD0yCA=";
  };
  home-manager = fetchFromGitHub {
    owner = "nix-community";
    repo = "home-manager";
    rev = "ec1a8fdf74ed3f276148ee106299a2ba0e65d51f";
    hash = "sha256-XL2qfqmocfsvuEGyomZg4nOZfkuSe8vZtrOX99I+b6I=";
  };
in
runCommand "ai-stack-docs-sources"
  {
    meta = {
      description = "Manuals and guides of Nix, nixpkgs, NixOS and Home Manager as text";
      license = with lib.licenses; [
        cc-by-sa-40
        lgpl21Plus
        mit
      ];
      platforms = lib.platforms.all;
    };
  }
  ''
    # take NAME ROOT FOLDER: the text files of a folder below a root, under their paths below the root
    take() {
      mkdir -p "$out/$1"
      (
        cd "$2"
        find "$3" -type f \( -name '*.md' -o -name '*.rst' \) -exec \
          cp --parents --no-preserve=mode --target-directory="$out/$1" {} +
      )
    }

    take nixos-manual ${nixpkgs}/nixos/doc/manual .
    take nixos-modules ${nixpkgs}/nixos/modules .
    take nixpkgs-manual ${nixpkgs}/doc .
    take nix.dev ${nix-dev}/source .
    take nix-manual ${nix}/doc/manual/source .
    take nix-manual ${nix} src/nix
    take nix-manual ${nix} src/libstore
    take nix-pills ${nix-pills} pills
    take home-manager ${home-manager}/docs .
  ''
