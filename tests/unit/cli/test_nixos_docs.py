"""`ai-stack nixos-docs`, as typed."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from typer.testing import CliRunner

from ai_stack.cli.main import app
from support.fake_stack import FakeStack

ANSWER: dict[str, Any] = {"release": "26.05", "degraded": False, "corrections": {}}
OPTION = {"name": "services.nginx.enable", "type": "boolean", "default": "false", "description": "Whether to [serve]."}
CHECKED = {
    "release": "26.05",
    "ok": False,
    "checked": 2,
    "truncated": False,
    "results": [
        {"path": "a.b", "line": 1, "status": "exists", "replacement": None, "message": "", "nearest": []},
        {"path": "a.c", "line": 2, "status": "renamed", "replacement": "a.d", "message": "", "nearest": []},
        {"path": "a.e", "line": 3, "status": "unknown", "replacement": None, "message": "", "nearest": ["a.b"]},
    ],
}


async def run_beside(fake: FakeStack, *arguments: str, text: str | None = None) -> Any:
    """Run a command in a thread, while the fake answers here."""
    line = ["nixos-docs", *arguments, "--state", str(fake.state)]
    return await asyncio.to_thread(CliRunner().invoke, app, line, input=text)


def answering(value: object) -> Callable[[web.Request], Any]:
    async def handler(_: web.Request) -> web.Response:
        return web.json_response(value)

    return handler


async def test_options_are_listed_with_type_and_default(fake: FakeStack) -> None:
    fake.routes["POST /options/search"] = answering({**ANSWER, "options": [OPTION]})
    done = await run_beside(fake, "options", "serve pages", "--limit", "2")
    assert done.stdout == "services.nginx.enable (boolean, default false)\n   Whether to [serve].\n"
    assert fake.requests == [("POST /options/search", {"query": "serve pages", "limit": 2})]
    assert json.loads((await run_beside(fake, "options", "x", "--json")).stdout)["options"] == [OPTION]


async def test_documentation_is_listed_with_path_and_heading(fake: FakeStack) -> None:
    hit = {"path": "wiki/a.md", "heading": "A > B", "title": "A", "content": "word " * 100}
    fake.routes["POST /search"] = answering({**ANSWER, "results": [hit], "degraded": True})
    done = await run_beside(fake, "search", "why")
    assert "1. wiki/a.md  (A > B)" in done.stdout
    assert "…" in done.stdout
    assert "Degraded: searched by words alone" in done.stdout


async def test_nothing_found_is_said_and_so_is_what_was_taken_for_what(fake: FakeStack) -> None:
    fake.routes["POST /search"] = answering({**ANSWER, "results": [], "corrections": {"ngnix": "nginx"}})
    done = await run_beside(fake, "search", "ngnix")
    assert done.stdout == "nothing found\nngnix was taken for nginx\n"


async def test_wrong_options_of_a_file_are_named_by_line(fake: FakeStack, tmp_path: Path) -> None:
    fake.routes["POST /options/check"] = answering(CHECKED)
    file = tmp_path / "a.nix"
    file.write_text("{ a.b = 1; }")
    done = await run_beside(fake, "check", str(file))
    assert done.exit_code == 1
    assert done.stdout == (
        f"{file}:2: a.c: renamed (now a.d)\n{file}:3: a.e: unknown (nearest: a.b)\n"
        "2 options checked against NixOS 26.05: 2 wrong\n"
    )
    assert fake.requests == [("POST /options/check", {"snippet": "{ a.b = 1; }"})]


async def test_options_can_be_checked_by_name_or_from_standard_input(fake: FakeStack) -> None:
    fake.routes["POST /options/check"] = answering({**CHECKED, "ok": True, "results": []})
    assert (await run_beside(fake, "check", "--option", "a.b", "--option", "c.d")).exit_code == 0
    assert (await run_beside(fake, "check", "-", text="{ }")).exit_code == 0
    assert [body for _, body in fake.requests] == [{"options": ["a.b", "c.d"]}, {"snippet": "{ }"}]


def test_an_index_is_built_by_the_commands_arguments(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "source").mkdir(parents=True)
        (tmp_path / name / "source" / f"{name}.md").write_text(f"# {name}\n\nText.\n")
    options = tmp_path / "options.json"
    options.write_text(json.dumps({"a.b": {"type": "string", "description": "Text."}}))
    directories = [str(tmp_path / name) for name in ("one", "two")]
    outputs = [tmp_path / "first", tmp_path / "second"]
    for output in outputs:
        arguments = ["--options", str(options), "--docs", *directories, "-o", str(output)]
        done = CliRunner().invoke(app, ["nixos-docs", "build-index", *arguments])
        assert done.exit_code == 0
    assert "2 sections of 2 files, 1 options" in capfd.readouterr().out
    first, second = ((output / "index.sqlite").read_bytes() for output in outputs)
    assert first == second


def test_an_index_of_nothing_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    done = CliRunner().invoke(app, ["nixos-docs", "build-index", "-o", str(tmp_path)])
    assert done.exit_code == 2
    assert "nothing to index" in capfd.readouterr().err
