# The documentation as web pages on the loopback interface: `nix run .#docs [PORT]`.
{
  lib,
  python3,
  runCommand,
  writeShellApplication,
}:
let
  renderer = python3.withPackages (packages: [ packages.markdown-it-py ]);
  documents = lib.fileset.toSource {
    root = ../../docs;
    fileset = ../../docs;
  };
  pages = runCommand "ai-stack-docs-site" { } ''
    ${renderer}/bin/python ${./render.py} ${documents} "$out"
  '';
in
writeShellApplication {
  name = "ai-stack-docs";
  text = ''
    port=''${1:-8000}
    echo "The documentation is at http://127.0.0.1:$port/index.html"
    exec ${python3}/bin/python -m http.server --bind 127.0.0.1 --directory ${pages} "$port"
  '';
  meta = {
    description = "The documentation as web pages on this machine";
    license = lib.licenses.mit;
    platforms = lib.platforms.linux;
  };
}
