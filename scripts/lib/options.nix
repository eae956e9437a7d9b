# What docs/reference/options.md is made of, as data for scripts/reference-options: the declarations below
# services.ai-stack, and the sandbox of every unit on a machine that runs everything and one service more.
let
  nixpkgs = <nixpkgs>;
  compat = nixpkgs + "/compat.nix";
  evaluate =
    module:
    import (nixpkgs + "/nixos/lib/eval-config.nix") {
      system = "x86_64-linux";
      modules = [
        module
        {
          boot.isContainer = true;
          documentation.enable = false;
          system.stateVersion = "26.05";
        }
      ]
      ++ (if builtins.pathExists compat then [ compat ] else [ ]);
    };
  evaluated = evaluate (
    { pkgs, ... }:
    {
      imports = [ ../../modules ];
      services.ai-stack = {
        enable = true;
        services.translator = {
          package = pkgs.hello;
          port = 8100;
        };
      };
    }
  );
  inherit (evaluated) config options pkgs;
  inherit (pkgs) lib;
  cfg = config.services.ai-stack;
  root = toString ../..;

  baseline = cfg.services.translator.sandbox;
  # Beside the directives of the baseline, those that say who the unit is and where it may write.
  directives =
    lib.attrNames baseline
    ++ lib.concatMap (relaxation: lib.attrNames relaxation.directives) (lib.attrValues cfg.relaxations)
    ++ [
      "DynamicUser"
      "PrivateNetwork"
      "ReadWritePaths"
      "SupplementaryGroups"
      "User"
    ];
  sandbox = service: lib.filterAttrs (name: _: lib.elem name directives) service.serviceConfig;

  watched = lib.filterAttrs (
    name: _:
    builtins.match "(ai-stack-|nginx$|postgresql$|redis-|qdrant|prometheus|alertmanager|grafana|jaeger|tempo).*" name
    != null
  ) config.systemd.services;
in
{
  options =
    map (option: option // { declarations = map (lib.removePrefix "${root}/") option.declarations; })
      (
        lib.filter (option: option.visible && !option.internal) (
          lib.optionAttrSetToDocList { inherit (options.services) ai-stack; }
        )
      );
  relaxations = lib.mapAttrs (_: relaxation: {
    inherit (relaxation) reason directives;
  }) cfg.relaxations;
  inherit baseline;
  units = lib.mapAttrs (_: sandbox) watched;
}
