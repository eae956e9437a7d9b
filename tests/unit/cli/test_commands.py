"""The commands, as typed."""

import asyncio
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from typer.testing import CliRunner

from ai_stack.cli import main as main_module
from ai_stack.cli.main import app, main
from ai_stack.cli.options import default_state
from ai_stack.cli.status import stack_status
from ai_stack.local.errors import LocalError
from ai_stack.local.lock import StateLock
from ai_stack.service.auth import KeyStore
from support.fake_stack import FakeStack

ANSWER = {
    "augmented_prompt": "Use [1].\n\n<source>[bold]text[/bold]</source>",
    "sources": [
        {
            "number": 1,
            "id": "7",
            "service": "aidb",
            "path": "guide/a.md",
            "title": "A",
            "heading": "A > B",
            "score": 0.0325,
            "similarity": 0.61,
        }
    ],
    "timings": {"embed_ms": 4.2, "total_ms": 40.0},
    "degraded": True,
    "degraded_services": ["embeddings"],
}
HIT = {"score": 0.9, "path": "guide/a.md", "heading": "A", "content": "long " * 100}


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, arguments)


async def run_beside(fake: FakeStack, *arguments: str) -> Any:
    """Run a command in a thread, while the fake answers here."""
    return await asyncio.to_thread(run, *arguments, "--state", str(fake.state))


def answering(value: object) -> Callable[[web.Request], Any]:
    async def handler(_: web.Request) -> web.Response:
        return web.json_response(value)

    return handler


def test_keys_are_added_listed_and_revoked(tmp_path: Path) -> None:
    state = ("--state", str(tmp_path))
    key = run("keys", "add", "editor", "--scope", "read", "--scope", "write", *state).stdout.strip()
    assert KeyStore(tmp_path / "api-keys.json").authenticate(key) is not None
    assert json.loads(run("keys", "list", "--json", *state).stdout) == [{"name": "editor", "scopes": ["read", "write"]}]
    assert "editor  read, write" in run("keys", "list", *state).stdout
    assert run("keys", "revoke", "editor", *state).stdout == "revoked editor\n"
    assert run("keys", "list", "--json", *state).stdout.strip() == "[]"


def test_a_key_reads_only_unless_more_is_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    run("keys", "add", "reader", "--file", str(file))
    assert json.loads(run("keys", "list", "--json", "--file", str(file)).stdout)[0]["scopes"] == ["read"]


async def test_ask_prints_the_prompt_untouched_with_sources_scores_and_timings(fake: FakeStack) -> None:
    fake.routes["POST /augment_query"] = answering(ANSWER)
    done = await run_beside(fake, "ask", "why?", "--max-tokens", "100")
    assert done.exit_code == 0
    assert "<source>[bold]text[/bold]</source>" in done.stdout
    assert "[1] score 0.0325  similarity 0.61  aidb: guide/a.md  (A > B)" in done.stdout
    assert "embed 4 ms, total 40 ms" in done.stdout
    assert "Degraded: answered without embeddings" in done.stdout
    assert fake.requests == [
        ("POST /augment_query", {"query": "why?", "agent_type": "remote", "max_tokens": 100}),
    ]
    assert json.loads((await run_beside(fake, "ask", "why?", "--json")).stdout) == ANSWER


async def test_ask_says_when_there_is_no_source(fake: FakeStack) -> None:
    fake.routes["POST /augment_query"] = answering({**ANSWER, "sources": [], "degraded": False})
    assert "Sources\n  none\n" in (await run_beside(fake, "ask", "why?")).stdout


async def test_search_prints_paths_headings_and_shortened_texts(fake: FakeStack) -> None:
    fake.routes["POST /search"] = answering({"results": [HIT]})
    done = await run_beside(fake, "search", "tea", "--limit", "3")
    assert "1. 0.9000  guide/a.md  (A)" in done.stdout
    assert max(map(len, done.stdout.splitlines())) < 310
    assert fake.requests == [("POST /search", {"query": "tea", "limit": 3})]
    assert json.loads((await run_beside(fake, "search", "tea", "--json")).stdout) == {"results": [HIT]}
    fake.routes["POST /search"] = answering({"results": []})
    assert (await run_beside(fake, "search", "tea")).stdout == "nothing found\n"


async def test_search_can_be_narrowed_and_says_what_it_corrected(fake: FakeStack) -> None:
    fake.routes["POST /search"] = answering({"results": [HIT], "corrections": {"tae": "tea"}})
    done = await run_beside(fake, "search", "tae", "--project", "kitchen", "--path-prefix", "guide/")
    assert fake.requests == [
        ("POST /search", {"query": "tae", "limit": 5, "project": "kitchen", "path_prefix": "guide/"}),
    ]
    assert "no document has tae: looked for tea" in done.stderr


async def test_ingest_prints_counts_speed_and_skipped_files(fake: FakeStack, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "a.md").write_text("# A\n")
    (corpus / "b.md").write_text("")
    result = {"status": "ok", "change": "created", "chunks": 2, "path": "a.md"}
    fake.routes["POST /documents/batch"] = answering({"results": [result]})
    fake.routes["GET /stats"] = answering({"chunks_pending": 0})
    done = await run_beside(fake, "ingest", str(corpus), "--project", "p")
    assert "1 documents stored (1 created, 0 updated, 0 unchanged), 2 chunks" in done.stdout
    assert "documents/s" in done.stdout
    assert "chunks/s" in done.stdout
    assert "skipped b.md: empty" in done.stdout


def test_status_of_what_does_not_run_is_three(tmp_path: Path) -> None:
    done = run("status", "--state", str(tmp_path))
    assert done.exit_code == 3
    assert done.stdout.startswith("stopped  ")
    assert json.loads(run("status", "--json", "--state", str(tmp_path)).stdout)["state"] == "stopped"


async def test_status_shows_what_each_service_says_and_restarts(fake: FakeStack) -> None:
    async def ready(request: web.Request) -> web.Response:
        return web.json_response({})

    fake.routes["GET /health/ready"] = ready
    fake.check_key = False
    with StateLock(fake.state):
        done = await run_beside(fake, "status")
        assert done.exit_code == 0
        assert f"running (pid {os.getpid()})" in done.stdout
        assert "hybrid-coordinator" in done.stdout
        assert json.loads((await run_beside(fake, "status", "--json")).stdout)["healthy"] is True
        del fake.routes["GET /health/ready"]
        done = await run_beside(fake, "status")
        assert done.exit_code == 1
        (fake.state / "stack.json").unlink()
        assert (await stack_status(fake.state)).state == "starting"


def test_logs_shows_one_or_all_and_names_what_there_is(tmp_path: Path) -> None:
    state = ("--state", str(tmp_path))
    (tmp_path / "log").mkdir()
    for name in ("aidb", "valkey"):
        (tmp_path / "log" / f"{name}.log").write_text(f"first of {name}\nlast of {name}\n")
    assert run("logs", "aidb", "-n", "1", *state).stdout == "last of aidb\n"
    assert run("logs", "-n", "1", *state).stdout == "aidb: last of aidb\nvalkey: last of valkey\n"
    failed = run("logs", "tea", *state)
    assert isinstance(failed.exception, LocalError)
    assert "there are aidb, valkey" in str(failed.exception)


def test_down_says_when_nothing_runs(tmp_path: Path) -> None:
    assert run("down", "--state", str(tmp_path)).stdout == "not running\n"


def test_an_error_is_one_line_and_a_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["ai-stack", "ask", "why?", "--state", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == f"ai-stack: no stack is running in {tmp_path}: start one with `ai-stack up`\n"


def test_ctrl_c_ends_a_command_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(main_module, "app", interrupted)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130


def test_the_state_directory_follows_the_xdg_specification(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert default_state() == Path("/data/ai-stack")
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", "/home/me")
    assert default_state() == Path("/home/me/.local/share/ai-stack")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_can_complete_commands(shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    result = CliRunner().invoke(app, ["--show-completion", shell], prog_name="ai-stack")
    assert result.exit_code == 0
    assert "_AI_STACK_COMPLETE" in result.output
