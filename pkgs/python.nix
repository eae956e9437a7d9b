# Adds to every Python package set what is not there, or is there in another version than the tests run with.
#
# Three libraries below the runtime no longer change. nixpkgs carries an alpha release of aiopg and a snapshot of
# aioprometheus from before its last release, and drops such packages when nobody speaks up for them.
final: _: {
  aiopg = final.callPackage ./python-aiopg/package.nix { };
  aioprometheus = final.callPackage ./python-aioprometheus/package.nix { };
  quantile-python = final.callPackage ./python-quantile-python/package.nix { };

  ai-stack = final.callPackage ./ai-stack/package.nix { };
}
