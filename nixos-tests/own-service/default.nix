# A service of one's own on the rails, the one of the template, and a program of somebody else beside it.
let
  translator =
    { pkgs, ... }:
    let
      extended = pkgs.extend (import ../../pkgs/overlay.nix);
      python = extended.python3.withPackages (packages: [ packages.ai-stack ]);
    in
    {
      services.ai-stack.services.translator = {
        package = pkgs.writeTextFile {
          name = "translator";
          executable = true;
          destination = "/bin/translator";
          text = "#!${python}/bin/python3\n" + builtins.readFile ../../templates/own-service/translator.py;
        };
        port = 8100;
        route = "/translator/";
      };
    };
in
{
  name = "own-service";
  nodes = {
    server.imports = [
      ../lib/framework.nix
      translator
    ];
    client = ../lib/client.nix;
  };
}
