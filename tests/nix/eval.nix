# Evaluates one NixOS configuration with the modules of this repository, and shows what the tests look at.
#
# module: a NixOS module (value or path); framework: leave the services that come along out.
# `<nixpkgs>` may be the real one or an evaluation-only stand-in; with the real one, reading the text of a generated
# file builds that file.
{
  module,
  framework ? false,
  system ? "x86_64-linux",
}:
let
  nixpkgs = <nixpkgs>;
  compat = nixpkgs + "/compat.nix";
  evaluated = import (nixpkgs + "/nixos/lib/eval-config.nix") {
    inherit system;
    modules = [
      (if framework then ../../modules/framework.nix else ../../modules)
      module
      {
        boot.isContainer = true;
        system.stateVersion = "26.05";
        documentation.enable = false;
      }
    ]
    ++ (if builtins.pathExists compat then [ compat ] else [ ]);
  };
  inherit (evaluated) config pkgs options;
  inherit (pkgs) lib;

  textOf = source: source.text or (builtins.readFile source);
  ours = name: lib.any (part: lib.hasInfix part name) watched;
  watched = [
    "ai-stack"
    "aistack"
    "nginx"
    "postgres"
    "redis"
    "qdrant"
    "prometheus"
    "alertmanager"
    "grafana"
    "jaeger"
    "tempo"
    "loki"
    "vector"
    "restic"
  ];

  # Every string below a value. Derivations are left to the test that reads the closure.
  strings =
    value:
    let
      attempt = builtins.tryEval value;
      v = attempt.value;
    in
    if !attempt.success || builtins.isFunction v then
      [ ]
    else if builtins.isString v || builtins.isPath v then
      [ (builtins.unsafeDiscardStringContext (toString v)) ]
    else if builtins.isList v then
      lib.concatMap strings v
    else if lib.isDerivation v then
      [ ]
    else if builtins.isAttrs v then
      lib.concatMap strings (lib.attrValues v)
    else
      [ ];
in
{
  inherit config pkgs options;

  problems = {
    failed = map (a: a.message) (lib.filter (a: !a.assertion) config.assertions);
    inherit (config) warnings;
  };

  # In one, since an evaluation costs more than what is read from it.
  machine = {
    units = lib.mapAttrs (_: unit: unit.text) (
      lib.filterAttrs (name: _: ours name) config.systemd.units
    );

    firewall = config.networking.firewall.allowedTCPPorts;

    users = lib.mapAttrs (_: user: { inherit (user) group extraGroups isSystemUser; }) (
      lib.filterAttrs (name: _: ours name) config.users.users
    );

    settings = lib.mapAttrs (_: service: service.settings) (
      lib.filterAttrs (_: service: service.enable) config.services.ai-stack.services
    );
  };

  etc = lib.concatMapAttrs (
    _: file:
    lib.optionalAttrs (file.enable && ours file.target) { ${file.target} = textOf file.source; }
  ) config.environment.etc;

  strings = strings {
    inherit (config.services) ai-stack;
    nginx = { inherit (config.services.nginx) commonHttpConfig upstreams virtualHosts; };
    postgresql = config.services.postgresql.settings;
    redis = config.services.redis.servers;
    qdrant = config.services.qdrant.settings;
    prometheus = { inherit (config.services.prometheus) scrapeConfigs rules; };
    grafana = config.services.grafana.settings;
    systemd = { inherit (config.systemd) services paths timers; };
    inherit (config.environment) etc;
    inherit (config.users) users groups;
  };

  # Names of the options that take the path of a secret.
  secretOptions = map (option: option.name) (
    lib.filter (option: !option.internal && lib.hasInfix "outside the Nix store" option.type) (
      lib.optionAttrSetToDocList { inherit (options.services) ai-stack; }
    )
  );

  toplevel = config.system.build.toplevel.drvPath;
}
