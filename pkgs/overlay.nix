# The packages of this repository, for `nixpkgs.overlays` or `pkgs.extend`. Python's `ai-stack` is the library that a
# service of one's own imports; the other names are programs and data.
final: prev: {
  pythonPackagesExtensions = prev.pythonPackagesExtensions ++ [ (import ./python.nix) ];

  ai-stack = final.python3Packages.toPythonApplication final.python3Packages.ai-stack;
  ai-stack-model = final.callPackage ./model/package.nix { };
  ai-stack-model-onnx = final.callPackage ./model-onnx/package.nix { };
  ai-stack-docs-sources = final.callPackage ./docs-sources/package.nix { };
  ai-stack-docs-index = final.callPackage ./docs-index/package.nix { };
  ai-stack-jaeger = final.callPackage ./jaeger/package.nix { };
}
