"""Backups of a NixOS machine by the same two commands; programs that stand for systemd's and the machine's."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ai_stack.cli.main import app
from ai_stack.local.errors import LocalError

RESTORE = """#!/bin/sh
echo "restore $*" >>"$DIRECTORY/calls"
case $1 in
  list) cat "$DIRECTORY/backups" ;;
  restore) [ "$2" != damaged ] || { echo "ai-stack-restore: damaged" >&2; exit 1; } ;;
esac
"""
SYSTEMCTL = """#!/bin/sh
echo "systemctl $*" >>"$DIRECTORY/calls"
[ ! -e "$DIRECTORY/broken" ] || exit 1
[ -e "$DIRECTORY/idle" ] || printf '2026-02-02T00-00-00Z\\t12M\\there, state version 0.1\\n' >>"$DIRECTORY/backups"
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in (("ai-stack-restore", RESTORE), ("systemctl", SYSTEMCTL)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "backups").write_text("2026-01-01T00-00-00Z\t11M\there, state version 0.1\n")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("DIRECTORY", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, arguments)


def calls(machine: Path) -> list[str]:
    return (machine / "calls").read_text().splitlines()


def test_a_backup_of_the_machine_is_made_by_its_unit(machine: Path) -> None:
    done = run("backup")
    assert done.stdout == "2026-02-02T00-00-00Z: 12M\n"
    assert calls(machine) == ["restore list", "systemctl start ai-stack-backup.service", "restore list"]


def test_the_name_of_a_backup_is_there_as_json(machine: Path) -> None:
    assert json.loads(run("backup", "--json").stdout) == {"name": "2026-02-02T00-00-00Z", "size": "12M"}


@pytest.mark.parametrize("state_of_the_unit", ["broken", "idle"])
def test_a_backup_that_was_not_made_names_the_log(machine: Path, state_of_the_unit: str) -> None:
    (machine / state_of_the_unit).touch()
    failed = run("backup")
    assert isinstance(failed.exception, LocalError)
    assert "journalctl -u ai-stack-backup.service" in str(failed.exception)


def test_a_machines_backup_has_no_archive_of_ones_own(machine: Path) -> None:
    assert isinstance(run("backup", "mine.tar.gz").exception, LocalError)
    assert not (machine / "calls").exists()


@pytest.mark.parametrize(("options", "given"), [((), "latest"), (("--force",), "--force latest")])
def test_a_backup_is_brought_back_by_the_machines_program(machine: Path, options: tuple[str, ...], given: str) -> None:
    assert run("restore", "latest", *options).exit_code == 0
    assert calls(machine) == [f"restore restore {given}"]


def test_a_restore_reports_as_json(machine: Path) -> None:
    assert json.loads(run("restore", "latest", "--json").stdout) == {"name": "latest"}


def test_a_refused_restore_fails(machine: Path) -> None:
    failed = run("restore", "damaged")
    assert isinstance(failed.exception, LocalError)
    assert "damaged is not restored" in str(failed.exception)


def test_a_named_state_directory_is_an_embedded_stack_on_such_a_machine_too(machine: Path) -> None:
    state = ("--state", str(machine / "state"))
    for command in (("backup", str(machine / "a.tar.gz")), ("restore", str(machine / "a.tar.gz"))):
        assert isinstance(run(*command, *state).exception, LocalError)
    assert not (machine / "calls").exists()


def test_force_is_refused_where_nothing_runs_meanwhile(machine: Path) -> None:
    failed = run("restore", "a.tar.gz", "--force", "--state", str(machine / "state"))
    assert "--force is for the stack of a NixOS machine" in str(failed.exception)


def test_a_machine_without_systemd_is_named(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (machine / "systemctl").unlink()
    cat = machine / "cat"
    cat.symlink_to("/bin/cat")
    monkeypatch.setenv("PATH", str(machine))
    assert "systemctl cannot be run" in str(run("backup").exception)
