# What services do before and after a backup: as their own user, in their own sandbox.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.ai-stack;
  common = import ./lib.nix { inherit lib; };
  hooked = lib.filterAttrs (
    _: service: service.backup.prepare != null || service.backup.cleanup != null
  ) (common.enabled cfg.services);
  unit = name: "ai-stack-backup-hooks-${name}";
  units = map (name: "${unit name}.service") (lib.attrNames hooked);

  script =
    name: text:
    pkgs.writeShellScript "ai-stack-backup-${name}" ''
      set -euo pipefail
      ${text}
    '';
in
{
  config = lib.mkIf (cfg.backup.enable && hooked != { }) {
    systemd.services = {
      ai-stack-backup = {
        requires = units;
        after = units;
      };
    }
    // lib.mapAttrs' (
      name: service:
      lib.nameValuePair (unit name) {
        description = "AI stack: prepare ${name} for a backup";
        restartIfChanged = false;
        # It stops, and cleans up, when the backup that needs it is over, however that ended.
        unitConfig.StopWhenUnneeded = true;
        serviceConfig = service.sandbox // {
          Type = "oneshot";
          RemainAfterExit = true;
          User = service.user;
          Group = service.user;
          StateDirectory = "ai-stack/${name}";
          StateDirectoryMode = "0700";
          WorkingDirectory = "%S/ai-stack/${name}";
          LoadCredential = lib.mapAttrsToList (id: file: "${id}:${file}") service.credentials;
          Slice = "aistack.slice";
          ExecStart =
            if service.backup.prepare != null then
              script "prepare-${name}" service.backup.prepare
            else
              lib.getExe' pkgs.coreutils "true";
          ExecStopPost = lib.mkIf (service.backup.cleanup != null) (
            script "cleanup-${name}" service.backup.cleanup
          );
        };
      }
    ) hooked;
  };
}
