# The stories: NixOS tests by name. A story is a directory with `default.nix` (its machines) and `script.py` (what
# happens). Scripts begin with lib/prelude.py, since the driver lets them import nothing of ours.
{ pkgs }:
let
  inherit (pkgs) lib;
  stories = lib.filterAttrs (
    name: type: type == "directory" && builtins.pathExists (./. + "/${name}/default.nix")
  ) (builtins.readDir ./.);
in
lib.mapAttrs (
  name: _:
  pkgs.testers.runNixOSTest {
    imports = [ (./. + "/${name}") ];
    inherit name;
    testScript = lib.concatMapStringsSep "\n\n" builtins.readFile [
      ./lib/prelude.py
      (./. + "/${name}/script.py")
    ];
  }
) stories
