# Secrets: made on first boot, or given as files outside the store. They reach a process only as systemd credentials.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.ai-stack;
  common = import ./lib.nix { inherit lib; };
  services = common.enabled cfg.services;
  registry = cfg.secrets.registry;

  inherit (common) state;
  group = "ai-stack-keys";

  generated = lib.filterAttrs (_: secret: secret.file == null) registry;

  manifest = (pkgs.formats.json { }).generate "ai-stack-secrets.json" {
    inherit state;
    random = lib.attrNames (lib.filterAttrs (_: secret: secret.kind == "random") generated);
    keys = lib.mapAttrsToList (name: secret: {
      inherit name;
      inherit (secret) record scopes path;
      made = secret.file == null;
    }) (lib.filterAttrs (_: secret: secret.kind == "apiKey") registry);
    given = cfg.secrets.apiKeys;
    units = lib.mapAttrs (_: secret: secret.units) generated;
  };

  program = pkgs.writeShellApplication {
    name = "ai-stack-secrets";
    runtimeInputs = [
      pkgs.coreutils
      pkgs.gnugrep
      pkgs.jq
      pkgs.openssl
      pkgs.util-linux
      config.systemd.package
    ];
    text = ''
      set -- ${manifest} "$@"
      ${builtins.readFile ./scripts/secrets.sh}
    '';
  };

  # sudo and its kin begin with an environment of their own, so a variable of the shell would not arrive.
  command = pkgs.writeShellApplication {
    name = "ai-stack";
    text = ''
      export AI_STACK_KEY_FILE="''${AI_STACK_KEY_FILE:-${cfg.secrets.keyFile}}"
      exec ${lib.getExe cfg.packages.ai-stack} "$@"
    '';
  };

  registryOptions =
    { name, config, ... }:
    {
      options = {
        file = lib.mkOption {
          type = lib.types.nullOr common.types.secretFile;
          default = null;
          description = "File that holds the secret; generated when null.";
        };
        kind = lib.mkOption {
          type = lib.types.enum [
            "random"
            "apiKey"
          ];
          default = "random";
          description = "An API key is recorded in the key file, with `record` and `scopes`.";
        };
        record = lib.mkOption {
          type = lib.types.str;
          default = name;
          description = "Name of the API key in the key file.";
        };
        scopes = lib.mkOption {
          type = lib.types.listOf lib.types.str;
          default = [ ];
          description = "Scopes of the API key.";
        };
        units = lib.mkOption {
          type = lib.types.listOf lib.types.str;
          default = [ ];
          description = "Units that must restart when the secret changes.";
        };
        path = lib.mkOption {
          type = lib.types.str;
          readOnly = true;
          default = common.secretPath name config.file;
          description = "Where the secret lies.";
        };
      };
    };

  shared = cfg.secrets.upstreamApiKey;
  upstreamKey = name: common.secretPath "upstream-${name}" shared;
  hasUpstreamKey = name: service: service.credentials.upstream_api_key or null == upstreamKey name;

  # Services that others here call on other machines.
  called = lib.concatMap (service: service.after ++ service.requires) (lib.attrValues services);
  remote = lib.filter (
    name: lib.any (url: !common.isLoopback (common.hostOf url)) (cfg.services.${name}.endpoints or [ ])
  ) (lib.unique called);

in
{
  options.services.ai-stack = {
    secrets = {
      apiKeys = lib.mkOption {
        type = lib.types.nullOr common.types.secretFile;
        default = null;
        example = lib.literalExpression "config.sops.secrets.ai-stack-keys.path";
        description = ''
          File with the API keys of the clients: a JSON list of `{name, digest, scopes}`, where `digest` is the SHA-256
          of the key. When null, one key for the operator is made on first boot (`${state}/secrets/api-key`) and
          `ai-stack keys` manages the rest. A change takes effect within seconds, without a restart.
        '';
      };
      upstreamApiKey = lib.mkOption {
        type = lib.types.nullOr common.types.secretFile;
        default = null;
        example = "/run/secrets/ai-stack-upstream";
        description = ''
          File with the API key that the services of this machine show to each other, `ais_` and 43 letters. When null,
          each gets one of its own. Several machines that call each other need the same file.
        '';
      };
      registry = lib.mkOption {
        type = lib.types.attrsOf (lib.types.submodule registryOptions);
        default = { };
        internal = true;
        description = "Every secret of the stack.";
      };
      keyFile = lib.mkOption {
        type = lib.types.str;
        default = "${state}/keys/api-keys.json";
        readOnly = true;
        internal = true;
        description = "The key file that the services read.";
      };
    };
    services = lib.mkOption {
      type = lib.types.attrsOf (
        lib.types.submodule (
          { name, config, ... }:
          {
            config = lib.mkIf (config.runtime == "ai-stack") {
              settings.api_keys_file = lib.mkDefault cfg.secrets.keyFile;
              credentials.upstream_api_key = lib.mkIf (config.after ++ config.requires != [ ]) (
                lib.mkDefault (upstreamKey name)
              );
            };
          }
        )
      );
    };
  };

  config = lib.mkIf (common.active cfg) {
    services.ai-stack.secrets.registry =
      let
        key = record: units: {
          kind = "apiKey";
          inherit record units;
          scopes = [ "read" ];
        };
        callers = lib.filterAttrs hasUpstreamKey services;
      in
      if shared == null then
        lib.mapAttrs' (
          name: service: lib.nameValuePair "upstream-${name}" (key "service.${name}" service.systemdUnits)
        ) callers
      else
        {
          upstream =
            key "service.shared" (
              # its digest goes to the key file before the callers show it
              [ "ai-stack-secrets.service" ]
              ++ lib.concatMap (service: service.systemdUnits) (lib.attrValues callers)
            )
            // {
              file = shared;
            };
        };

    warnings =
      lib.optional (shared == null && remote != [ ])
        "services.ai-stack: ${lib.concatStringsSep ", " remote} is answered from other machines, which do not know the keys that this one generates. Give all of them the same file in services.ai-stack.secrets.upstreamApiKey.";

    users.groups.${group} = { };
    environment.systemPackages = [
      program
      command
    ];

    systemd.tmpfiles.settings.ai-stack = {
      ${state}.d = {
        mode = "0755";
        user = "root";
        group = "root";
      };
      "${state}/secrets".d = {
        mode = "0700";
        user = "root";
        group = "root";
      };
      "${state}/keys".d = {
        mode = "2750";
        user = "root";
        inherit group;
      };
    };

    systemd.services = lib.mkMerge [
      {
        ai-stack-secrets = {
          description = "AI stack: secrets and API keys";
          wantedBy = [ "ai-stack.target" ];
          after = [ "systemd-tmpfiles-resetup.service" ];
          restartTriggers = [ manifest ];
          serviceConfig = cfg.rootSandbox // {
            Type = "oneshot";
            RemainAfterExit = true;
            ExecStart = "${lib.getExe program} ensure";
            ReadWritePaths = [ state ];
            # given files may belong to others
            CapabilityBoundingSet = [ "CAP_DAC_READ_SEARCH" ];
          };
        };
      }
      (lib.mapAttrs' (
        _: service:
        lib.nameValuePair service.unit {
          # not Requires=, which would restart every service when a key is added
          wants = [ "ai-stack-secrets.service" ];
          after = [ "ai-stack-secrets.service" ];
          serviceConfig.SupplementaryGroups = lib.mkIf (service.runtime == "ai-stack") [ group ];
        }
      ) services)
    ];
  };
}
