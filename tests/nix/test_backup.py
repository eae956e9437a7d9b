"""When backups are made, by whom, of what, and where they go."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from nix.evaluate import REPOSITORY, EvaluationError, Machine
from nix.security import exposure
from nix.test_backup_programs import GRANTS, ROLE

ENTRY = """{ pkgs, ... }: {
  services.ai-stack = {
    enable = true;
    domain = "ai.example.org";
    services.tt = {
      package = pkgs.hello;
      port = 8100;
      postgresql.enable = true;
      redis.enable = true;
      qdrant.enable = true;
      %s
    };
    %s
  };
}"""


def machine(entry: str = "", more: str = "") -> Machine:
    return Machine(ENTRY % (entry, more), framework=True)


LOCAL = machine()
ELSEWHERE = machine(
    more="""postgresql = { host = "db.internal"; passwordFile = "/run/secrets/pg"; };
    qdrant.url = "https://10.0.0.8:6333"; tls = { mode = "files"; certificate = "/run/c"; key = "/run/k"; };"""
)
HOOKED = machine('backup = { prepare = "make-dump"; cleanup = "rm -f dump"; paths = [ "/srv/tt" ]; };')
RESTIC = machine(
    more='backup.restic = { repository = "sftp:backup@vault.example.org:/srv"; passwordFile = "/run/secrets/r"; };'
)


def configuration(given: Machine) -> dict[str, Any]:
    """What the programs are told."""
    found: dict[str, Any] = given.get("config.services.ai-stack.backup.configuration")
    return found


def test_the_stack_is_backed_up_without_a_word() -> None:
    timer = LOCAL.unit("ai-stack-backup.timer")
    assert timer.value("OnCalendar", "Timer") == "daily"
    assert timer.value("Persistent", "Timer") == "true"
    assert timer.value("WantedBy", "Install") == "timers.target"
    assert "ai-stack-backup.service" not in machine(more="backup.enable = false;").units()


def test_the_backup_of_a_machine_holds_what_only_it_has() -> None:
    found = configuration(LOCAL)
    assert found["postgresql"]["databases"] == [{"name": "ai-stack-tt", "owner": "ai-stack-tt"}]
    assert found["qdrant"]["url"] == "http://127.0.0.1:6333"
    assert {entry["name"]: entry["paths"] for entry in found["files"]} == {
        "ai-stack": ["/var/lib/ai-stack/keys", "/var/lib/ai-stack/secrets", "/var/lib/ai-stack/tls"],
        "service-tt": ["/var/lib/ai-stack/tt"],
    }
    assert found["units"]["services"] == ["ai-stack-tt.service"]
    assert {"qdrant.service", "redis-ai-stack.service", "nginx.service"} <= set(found["units"]["stores"])


def test_servers_elsewhere_are_left_to_those_who_run_them() -> None:
    found = configuration(ELSEWHERE)
    assert (found["postgresql"], found["qdrant"]) == (None, None)
    assert "/var/lib/ai-stack/tls" not in found["files"][0]["paths"]
    unit = ELSEWHERE.unit("ai-stack-backup.service")
    assert unit.value("PrivateNetwork") == "true"
    assert unit.values("LoadCredential") == []


def test_the_run_may_read_everything_and_write_two_directories() -> None:
    unit = LOCAL.unit("ai-stack-backup.service")
    assert unit.value("User") == ROLE
    assert unit.values("CapabilityBoundingSet") == unit.values("AmbientCapabilities") == ["CAP_DAC_READ_SEARCH"]
    assert unit.values("ReadWritePaths") == ["/var/backup/ai-stack", "/var/lib/ai-stack/metrics"]
    assert unit.values("IPAddressAllow") == ["localhost"]
    assert unit.value("IPAddressDeny") == "any"
    assert unit.values("LoadCredential") == ["qdrant-api-key:/var/lib/ai-stack/secrets/qdrant-api-key"]


def test_a_home_directory_is_readable_only_when_a_service_keeps_files_there() -> None:
    assert LOCAL.unit("ai-stack-backup.service").value("ProtectHome") == "true"
    home = machine('backup.paths = [ "/home/tt/words" ];')
    assert home.unit("ai-stack-backup.service").value("ProtectHome") == "read-only"


@pytest.mark.parametrize(
    ("given", "unit"),
    [
        (LOCAL, "ai-stack-backup.service"),
        (ELSEWHERE, "ai-stack-backup.service"),
        (HOOKED, "ai-stack-backup-hooks-tt.service"),
    ],
    ids=["local", "elsewhere", "hooks"],
)
def test_the_units_are_hardened_as_the_services(given: Machine, unit: str, tmp_path: Path) -> None:
    assert exposure(tmp_path, unit, given.units()[unit]) <= 1.5


def test_restic_is_hardened_as_far_as_it_can_reach_any_repository(tmp_path: Path) -> None:
    unit = "restic-backups-ai-stack.service"
    assert exposure(tmp_path, unit, RESTIC.units()[unit]) <= 2.0


def test_the_role_of_the_run_reads_and_does_not_write() -> None:
    users = {user["name"]: user for user in LOCAL.get("config.services.postgresql.ensureUsers")}
    assert users[ROLE]["ensureClauses"]["bypassrls"]
    assert not users[ROLE]["ensureClauses"].get("superuser")
    command = LOCAL.get("config.systemd.services.ai-stack-postgresql.serviceConfig.ExecStartPost").replace('\\"', '"')
    # The very statements that the programs are tested with.
    assert re.findall(r'"--command=(.*?)"(?= "--command|$)', command) == [
        statement.format("ai-stack-tt") for statement in GRANTS
    ]


def test_hooks_run_as_the_service_in_its_sandbox() -> None:
    hooks = HOOKED.unit("ai-stack-backup-hooks-tt.service")
    service = HOOKED.unit("ai-stack-tt.service")
    for key in ("User", "StateDirectory", "ProtectSystem", "CapabilityBoundingSet", "IPAddressDeny"):
        assert hooks.value(key) == service.value(key)
    directives = "config.systemd.services.ai-stack-backup-hooks-tt.serviceConfig"
    assert "make-dump" in HOOKED.build(f"{directives}.ExecStart").read_text()
    assert "rm -f dump" in HOOKED.build(f"{directives}.ExecStopPost").read_text()


def test_hooks_come_before_the_backup_and_end_with_it() -> None:
    backup = HOOKED.unit("ai-stack-backup.service")
    assert backup.values("Requires", "Unit") == ["ai-stack-backup-hooks-tt.service"]
    assert "ai-stack-backup-hooks-tt.service" in backup.values("After", "Unit")
    assert HOOKED.unit("ai-stack-backup-hooks-tt.service").value("StopWhenUnneeded", "Unit") == "true"
    assert {"name": "service-tt", "paths": ["/srv/tt"]} in configuration(HOOKED)["files"]


def test_restic_takes_a_backup_that_succeeded() -> None:
    assert RESTIC.unit("ai-stack-backup.service").value("OnSuccess", "Unit") == "restic-backups-ai-stack.service"
    restic = RESTIC.get("config.services.restic.backups.ai-stack")
    assert restic["paths"] == ["/var/backup/ai-stack"]
    assert restic["passwordFile"] == "/run/secrets/r"
    assert "restic-backups-ai-stack.timer" not in RESTIC.units()


def test_a_repository_without_a_password_stops_evaluation() -> None:
    problems = machine(more='backup.restic.repository = "/mnt/restic";').problems()
    assert any("set services.ai-stack.backup.restic.passwordFile" in problem for problem in problems)


@pytest.mark.parametrize(
    "more",
    [
        'backup.restic.repository = "rest:https://user:secret@vault.example.org/";',
        'backup.restic.passwordFile = "/nix/store/00000000000000000000000000000000-password";',
        'backup.directory = "backups";',
        "backup.keep.count = 0;",
    ],
)
def test_what_cannot_be_meant_is_refused(more: str) -> None:
    with pytest.raises(EvaluationError):
        machine(more=more).get("config.services.ai-stack.backup")


@pytest.mark.parametrize("name", ["backup.sh", "restore.sh"])
def test_the_programs_pass_the_check_of_the_wrapper(name: str) -> None:
    text = (REPOSITORY / "modules" / "scripts" / name).read_text()
    wrapped = f"#!/bin/bash\nset -o errexit\nset -o nounset\nset -o pipefail\n{text}"
    result = subprocess.run(
        [str(REPOSITORY / ".venv" / "bin" / "shellcheck"), "-"],
        input=wrapped, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout
