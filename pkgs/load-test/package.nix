# Many users at once, against a running stack: `nix run .#load-test -- --help`.
{
  lib,
  python3,
  writeShellApplication,
}:
let
  environment = python3.withPackages (packages: [ packages.locust ]);
  sources = lib.fileset.toSource {
    root = ../..;
    fileset = lib.fileset.unions [
      (lib.fileset.fileFilter (file: file.hasExt "py" || file.hasExt "json") ../../tests/load)
      # What payloads are made of when no corpus is named.
      (lib.fileset.fileFilter (file: file.hasExt "md") ../../docs)
    ];
  };
in
writeShellApplication {
  name = "ai-stack-load-test";
  runtimeEnv.PYTHONPATH = "${sources}/tests";
  text = ''
    exec ${environment}/bin/python -m load "$@"
  '';
  meta = {
    description = "Put a stack under the load of many users";
    license = lib.licenses.mit;
    platforms = lib.platforms.linux;
  };
}
