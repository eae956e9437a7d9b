"""`up` with small fake children and a fake server for services."""

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from aiohttp import web
from typer.testing import CliRunner

from ai_stack.cli import up as module
from ai_stack.cli.main import app
from ai_stack.cli.up import INTERRUPTED, UpOptions, up
from ai_stack.local.errors import LocalError
from ai_stack.local.lock import StateLock
from ai_stack.local.paths import private_directory
from ai_stack.local.program import Program
from ai_stack.local.record import read_record
from ai_stack.local.stack import Blueprint
from ai_stack.local.supervisor import Child
from support.fake_stack import FakeStack
from support.waiting import PATIENCE

LOOP = "touch ready; while :; do sleep 0.02; done"
DEAF = "trap '' TERM; " + LOOP

Options = Callable[..., UpOptions]


@pytest.fixture
def options(fake: FakeStack, monkeypatch: pytest.MonkeyPatch) -> Options:
    """Makes options for a stack of one child, which is a shell script, and the services of the fake."""
    record = read_record(fake.state)
    assert record is not None
    corpus = fake.state / "corpus"
    corpus.mkdir()
    (corpus / "a.md").write_text("# A\n")

    async def batch(_: web.Request) -> web.Response:
        return web.json_response({"results": [{"status": "ok", "change": "created", "chunks": 2, "path": "a.md"}]})

    async def stats(_: web.Request) -> web.Response:
        return web.json_response({"chunks_pending": 0})

    async def augment(request: web.Request) -> web.Response:
        answer = {"augmented_prompt": f"about {(await request.json())['query']}", "sources": [], "timings": {}}
        return web.json_response({**answer, "degraded": False, "degraded_services": []})

    fake.routes |= {"POST /documents/batch": batch, "GET /stats": stats, "POST /augment_query": augment}

    def build(script: str, state: Path, documents: Path, options: Path | None) -> Blueprint:
        assert (documents, options) == (corpus, None)
        directory = private_directory(state / "child")
        (directory / "ready").unlink(missing_ok=True)
        program = Program("child", ("sh", "-c", script), directory, directory / "log", (directory / "ready").exists)
        return Blueprint([Child(program)], record.services, record.api_key_file)

    def make(*, question: str | None = None, once: bool = False, script: str = LOOP) -> UpOptions:
        monkeypatch.setattr(module, "build", partial(build, script))
        return UpOptions(fake.state, corpus, question, once)

    return make


async def until_running(state: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Wait for the last line of a start; return all lines."""
    shown = ""
    async with asyncio.timeout(PATIENCE):
        while "Running." not in shown:
            shown += capsys.readouterr().out
            await asyncio.sleep(0.01)
    return shown


async def test_once_stores_asks_and_stops(
    options: Options, fake: FakeStack, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await up(options(question="tea", once=True)) == 0
    shown = capsys.readouterr().out
    for part in ("All services are ready after", "1 documents stored", "Question: tea", "about tea"):
        assert part in shown
    assert "Running." not in shown
    assert read_record(fake.state) is None
    assert StateLock(fake.state).holder() is None


async def test_options_of_another_system_reach_the_stack(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    given = replace(options(once=True), nixos_options=Path("/srv/options.json"))
    reached: list[Path | None] = []

    def build(state: Path, documents: Path, options: Path | None) -> Blueprint:
        reached.append(options)
        raise LocalError("enough")

    monkeypatch.setattr(module, "build", build)
    with pytest.raises(LocalError, match="enough"):
        await up(given)
    assert reached == [Path("/srv/options.json")]


def test_a_missing_file_of_options_is_named_before_anything_starts(tmp_path: Path) -> None:
    missing, state = tmp_path / "options.json", tmp_path / "state"
    arguments = ["up", "--state", str(state), "--corpus", str(tmp_path), "--options", str(missing)]
    shown = CliRunner().invoke(app, arguments, env={"COLUMNS": "400"})
    assert shown.exit_code == 2
    assert "options.json" in shown.output
    assert not state.exists()


async def test_without_a_question_nothing_is_asked(options: Options, fake: FakeStack) -> None:
    assert await up(options(once=True)) == 0
    assert [name for name, _ in fake.requests] == ["POST /documents/batch", "GET /stats"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_it_stays_up_and_shows_where_everything_is_until_a_signal(
    options: Options, fake: FakeStack, capsys: pytest.CaptureFixture[str], number: signal.Signals
) -> None:
    running = asyncio.create_task(up(options()))
    shown = await until_running(fake.state, capsys)
    record = read_record(fake.state)
    assert record is not None
    assert record.services["aidb"] in shown
    assert str(record.api_key_file) in shown
    assert "Embedded mode" in shown
    os.kill(os.getpid(), number)
    assert await asyncio.wait_for(running, 20) == 0
    assert read_record(fake.state) is None


async def test_a_second_signal_uses_force(
    options: Options, fake: FakeStack, capsys: pytest.CaptureFixture[str]
) -> None:
    running = asyncio.create_task(up(options(script=DEAF)))
    await until_running(fake.state, capsys)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(0.05)
    os.kill(os.getpid(), signal.SIGTERM)
    # The child would get ten seconds.
    assert await asyncio.wait_for(running, PATIENCE) == 0


async def test_once_that_is_interrupted_is_no_success(options: Options, fake: FakeStack) -> None:
    asked, released = asyncio.Event(), asyncio.Event()

    async def hang(_: web.Request) -> web.Response:
        asked.set()
        await released.wait()
        return web.Response()

    made = options(question="tea", once=True)
    fake.routes["POST /augment_query"] = hang
    running = asyncio.create_task(up(made))
    await asyncio.wait_for(asked.wait(), 20)
    os.kill(os.getpid(), signal.SIGINT)
    assert await asyncio.wait_for(running, 20) == INTERRUPTED
    released.set()
    assert read_record(fake.state) is None


async def test_a_failure_while_storing_stops_everything(options: Options, fake: FakeStack) -> None:
    made = options(once=True)

    async def broken(_: web.Request) -> web.Response:
        return web.json_response({"error": "internal error", "error_id": "1"}, status=500)

    fake.routes["POST /documents/batch"] = broken
    with pytest.raises(LocalError, match="aidb answered 500"):
        await up(made)
    assert read_record(fake.state) is None
    assert StateLock(fake.state).holder() is None
