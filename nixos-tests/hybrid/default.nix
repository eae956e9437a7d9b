# hybrid-coordinator with a language model on the same machine: conversations, chats, learning, and what may be missing.
let
  model =
    { pkgs, ... }:
    {
      services.ai-stack.services = {
        model = {
          package = pkgs.python3;
          runtime = "other";
          port = 8120;
          metrics.enable = false;
          command = [
            "${pkgs.python3}/bin/python3"
            "${./model.py}"
          ];
        };
        hybrid-coordinator.settings.local_llm = {
          url = "http://127.0.0.1:8120/v1";
          model = "parrot";
        };
      };
    };
in
{
  name = "hybrid";
  nodes = {
    server.imports = [
      ../lib/server.nix
      model
    ];
    client = ../lib/client.nix;
  };
}
