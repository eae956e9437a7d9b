"""`ai-stack migrate`: which program is started, and what is shown of its answer."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ai_stack.cli.main import app
from ai_stack.local.errors import LocalError

ANSWER = {
    "version": 1,
    "newest": 2,
    "migrations": [
        {"version": 1, "name": "documents", "applied": True},
        {"version": 2, "name": "jobs", "applied": False},
    ],
}


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    calls: list[Any] = []

    def run(command: list[str], *, env: dict[str, str], **_: Any) -> subprocess.CompletedProcess[str]:
        calls.append((command[3:], env.get("CREDENTIALS_DIRECTORY")))
        return subprocess.CompletedProcess(command, 0, stdout=json.dumps(ANSWER), stderr="")

    monkeypatch.setattr(subprocess, "run", run)
    return calls


def test_the_stack_in_the_state_directory_is_meant(started: list[Any], tmp_path: Path) -> None:
    config = tmp_path / "config" / "aidb.json"
    config.parent.mkdir()
    config.write_text("{}")

    shown = CliRunner().invoke(app, ["migrate", "status", "--state", str(tmp_path)])

    assert shown.exit_code == 0, shown.output
    assert "schema version 1, newest 2" in shown.output
    assert "0002 jobs                 -" in shown.output
    assert started == [
        (
            ["ai_stack.aidb.schema_command", "status", "--config", str(config)],
            str(tmp_path / "credentials" / "aidb"),
        )
    ]


def test_other_settings_keep_the_credentials_of_the_environment(
    started: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials/x")
    arguments = ["migrate", "down", "--to", "0", "--config", "aidb.json", "--json", "--state", str(tmp_path)]

    shown = CliRunner().invoke(app, arguments)

    assert json.loads(shown.output) == ANSWER
    expected = ["ai_stack.aidb.schema_command", "down", "--config", "aidb.json", "--to", "0"]
    assert started == [(expected, "/run/credentials/x")]


def test_without_a_stack_the_settings_must_be_named(tmp_path: Path) -> None:
    shown = CliRunner().invoke(app, ["migrate", "status", "--state", str(tmp_path)])

    assert isinstance(shown.exception, LocalError)
    assert "--config" in str(shown.exception)


def test_the_reason_of_a_failure_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        stderr = "{}\nschema_command.py: the schema has version 2: 1 is not up\n"
        return subprocess.CompletedProcess(command, 78, stdout="", stderr=stderr)

    monkeypatch.setattr(subprocess, "run", run)

    shown = CliRunner().invoke(app, ["migrate", "up", "--to", "1", "--config", "aidb.json"])

    assert str(shown.exception) == "the schema has version 2: 1 is not up"
