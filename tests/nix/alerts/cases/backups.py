"""Alerts of backups."""

from nix.alerts.cases.case import DAY, NODE, ON_NODE, STEPS, Case

CASES = (
    Case(
        "BackupFailed",
        at=10,
        fires={f"ai_stack_backup_status{{{NODE}}}": "0x20"},
        silent={f"ai_stack_backup_status{{{NODE}}}": "1x20"},
        labels=ON_NODE,
        summary="The last backup has failed",
    ),
    Case(
        "BackupTooOld",
        at=2 * DAY,
        step=30,
        fires={f"ai_stack_backup_last_success_timestamp{{{NODE}}}": f"0x{2 * STEPS}"},
        silent={f"ai_stack_backup_last_success_timestamp{{{NODE}}}": f"0x{STEPS} 86400x{STEPS}"},
        labels=ON_NODE,
        summary="The last whole backup is 2d 0h 0m 0s old",
    ),
    Case(
        "BackupMissing",
        at=2 * DAY,
        step=30,
        fires={f"up{{{NODE}}}": f"1x{2 * STEPS}"},
        silent={f"ai_stack_backup_last_success_timestamp{{{NODE}}}": f"_x{STEPS} 86400x{STEPS}"},
        summary="There has never been a backup of this machine",
    ),
)
