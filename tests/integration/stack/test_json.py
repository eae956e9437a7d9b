"""The commands of a running stack, asked for JSON."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.stack import RunningStack, command


def parsed(stack: RunningStack, *arguments: str) -> Any:
    """What a command prints, which must be one JSON value and nothing else."""
    line = command(*arguments, "--json", "--state", str(stack.state))
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=120)
    # 1: what was looked for is told, and is a fault
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        (("status",), "children"),
        (("doctor",), "checks"),
        (("search", "whale oil"), "results"),
        (("ask", "what does the lamp burn?"), "augmented_prompt"),
        (("migrate", "status"), "version"),
        (("migrate", "up"), "version"),
        (("nixos-docs", "search", "lamp"), "results"),
        (("nixos-docs", "options", "services.ai-stack"), "options"),
        (("nixos-docs", "check", "--option", "services.ai-stack.enable"), "results"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_what_a_command_tells_is_json(stack: RunningStack, arguments: tuple[str, ...], key: str) -> None:
    assert key in parsed(stack, *arguments)


def test_keys_are_json(stack: RunningStack) -> None:
    made = parsed(stack, "keys", "add", "json", "--scope", "write", "--scope", "read")
    assert (made["name"], made["scopes"]) == ("json", ["read", "write"])
    assert made["key"]
    assert {"name": "json", "scopes": ["read", "write"]} in parsed(stack, "keys", "list")
    assert parsed(stack, "keys", "revoke", "json") == {"revoked": "json"}


def test_an_ingestion_is_json(stack: RunningStack, tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("# Page\n\nOf the test of JSON.\n")
    assert parsed(stack, "ingest", str(tmp_path), "--project", "json")["stored"] == 1


def test_logs_are_one_object_a_line(stack: RunningStack) -> None:
    line = command("logs", "-n", "2", "--json", "--state", str(stack.state))
    done = subprocess.run(line, capture_output=True, text=True, check=True, timeout=60)
    assert {json.loads(each)["name"] for each in done.stdout.splitlines()} >= {"aidb", "embeddings", "postgres"}
