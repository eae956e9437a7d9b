# Libraries that the set of nixpkgs may lack, from the registry; a set that has one keeps its own.
final: prev:
let
  quantile-python = prev.quantile-python or (final.callPackage ./quantile-python.nix { });
in
{
  inherit quantile-python;
  aioprometheus =
    prev.aioprometheus or (final.callPackage ./aioprometheus.nix { inherit quantile-python; });
  aiopg = prev.aiopg or (final.callPackage ./aiopg.nix { });
}
