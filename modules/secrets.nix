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
  ofKind = kind: lib.filterAttrs (_: secret: secret.kind == kind) generated;

  manifest = (pkgs.formats.json { }).generate "ai-stack-secrets.json" {
    inherit state;
    random = lib.attrNames (ofKind "random");
    keys = lib.mapAttrsToList (name: secret: {
      inherit name;
      inherit (secret) record scopes;
    }) (ofKind "apiKey");
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

  upstreamKey = name: common.secretPath "upstream-${name}" null;
  hasUpstreamKey = name: service: service.credentials.upstream_api_key or null == upstreamKey name;

  # What is given as a file and changes there restarts exactly the units concerned (systemd.path(5)).
  watched =
    lib.mapAttrs (_: secret: { inherit (secret) file units; }) (
      lib.filterAttrs (_: secret: secret.file != null && secret.units != [ ]) registry
    )
    // lib.concatMapAttrs (
      name: service:
      lib.concatMapAttrs (
        id: file:
        lib.optionalAttrs (!lib.elem file (lib.mapAttrsToList (_: secret: secret.path) registry)) {
          "${name}-${lib.replaceStrings [ "_" ] [ "-" ] id}" = {
            inherit file;
            units = service.systemdUnits;
          };
        }
      ) service.credentials
    ) services
    // lib.optionalAttrs (cfg.secrets.apiKeys != null) {
      api-keys = {
        file = cfg.secrets.apiKeys;
        units = [ "ai-stack-secrets.service" ];
      };
    };
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
    services.ai-stack.secrets.registry = lib.mapAttrs' (
      name: service:
      lib.nameValuePair "upstream-${name}" {
        kind = "apiKey";
        record = "service.${name}";
        scopes = [
          "read"
          "write"
        ];
        units = service.systemdUnits;
      }
    ) (lib.filterAttrs hasUpstreamKey services);

    users.groups.${group} = { };
    environment.systemPackages = [
      program
      cfg.packages.ai-stack
    ];
    # what `ai-stack keys` edits
    environment.variables.AI_STACK_KEY_FILE = cfg.secrets.keyFile;

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

    systemd.paths = lib.mapAttrs' (
      name: secret:
      lib.nameValuePair "ai-stack-rotate-${name}" {
        description = "AI stack: watch ${name}";
        wantedBy = [ "ai-stack.target" ];
        pathConfig.PathChanged = secret.file;
      }
    ) watched;

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
        name: secret:
        lib.nameValuePair "ai-stack-rotate-${name}" {
          description = "AI stack: apply a change of ${name}";
          serviceConfig = cfg.rootSandbox // {
            Type = "oneshot";
            ExecStart = "${lib.getExe' config.systemd.package "systemctl"} try-restart ${lib.concatStringsSep " " secret.units}";
          };
        }
      ) watched)
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
