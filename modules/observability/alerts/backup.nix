# Alerts on the backups, which backup.sh measures.
{ config, lib, ... }:
let
  cfg = config.services.ai-stack;
  observability = import ../lib.nix { inherit lib; };
in
{
  config.services.ai-stack.alerts = lib.mkIf (cfg.prometheus.enable && cfg.backup.enable) (
    observability.defaults {
      BackupFailed = {
        expr = "ai_stack_backup_status == 0";
        for = "5m";
        summary = "The last backup has failed";
        description = "Nothing was written; the backups before it are still there.";
      };
      BackupTooOld = {
        # a day and a half: one daily run may be late, not missing
        expr = "time() - ai_stack_backup_last_success_timestamp > 36 * 3600";
        for = "10m";
        severity = "critical";
        summary = "The last whole backup is {{ $value | humanizeDuration }} old";
        description = "What has been stored since then would be lost with this machine.";
      };
      BackupMissing = {
        expr = "absent(ai_stack_backup_last_success_timestamp)";
        for = "30h";
        severity = "critical";
        summary = "There has never been a backup of this machine";
        description = "Everything would be lost with this machine.";
      };
    }
  );
}
