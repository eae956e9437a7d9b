# Secrets that are given as files: a change of one restarts exactly the units concerned (systemd.path(5)).
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
  inherit (cfg.secrets) registry;

  watched =
    lib.mapAttrs (_: secret: { inherit (secret) file units; }) (
      lib.filterAttrs (_: secret: secret.file != null && secret.units != [ ]) registry
    )
    // lib.concatMapAttrs (
      name: service:
      lib.concatMapAttrs (
        id: file:
        lib.optionalAttrs (!lib.elem file (lib.mapAttrsToList (_: secret: secret.path) registry)) {
          # No name of a service has a dot, so no two of these are alike.
          "${name}.${id}" = {
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

  # A link on the way to the file may be put to another directory, as sops-nix and agenix do with each generation.
  # systemd looks again then, but takes that for no change, so the directories are watched as well.
  directoriesOf =
    file:
    let
      above = dirOf file;
    in
    lib.optionals (above != "/") ([ above ] ++ directoriesOf above);

  program = pkgs.writeShellApplication {
    name = "ai-stack-rotation";
    runtimeInputs = [
      pkgs.coreutils
      pkgs.diffutils
      config.systemd.package
    ];
    text = builtins.readFile ./scripts/rotation.sh;
  };
in
{
  config = lib.mkIf (common.active cfg) {
    systemd.paths = lib.mapAttrs' (
      name: secret:
      lib.nameValuePair "ai-stack-rotate-${name}" {
        description = "AI stack: watch ${name}";
        wantedBy = [ "ai-stack.target" ];
        pathConfig.PathChanged = [ secret.file ] ++ directoriesOf secret.file;
      }
    ) watched;

    systemd.services = lib.mapAttrs' (
      name: secret:
      lib.nameValuePair "ai-stack-rotate-${name}" {
        description = "AI stack: apply a change of ${name}";
        # for the first time before the units start, when there is nothing to restart
        wantedBy = [ "ai-stack.target" ];
        before = secret.units;
        # The directories change more often than the secret.
        startLimitIntervalSec = 0;
        serviceConfig = cfg.rootSandbox // {
          Type = "oneshot";
          # Whoever owns it, and wherever it is.
          CapabilityBoundingSet = "CAP_DAC_READ_SEARCH";
          ProtectHome = "read-only";
          # not right below /run, which may be among the watched
          RuntimeDirectory = "ai-stack/rotation";
          RuntimeDirectoryMode = "0700";
          RuntimeDirectoryPreserve = true;
          # A look that finds no change is not worth a line.
          LogLevelMax = "notice";
          ExecStart = "${lib.getExe program} ${name} ${secret.file} try-restart ${lib.concatStringsSep " " secret.units}";
        };
      }
    ) watched;
  };
}
