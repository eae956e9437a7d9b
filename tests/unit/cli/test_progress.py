"""Progress for people."""

import io

import pytest
from rich.console import Console

from ai_stack.cli import progress as progress_module
from ai_stack.cli.ingest import Report
from ai_stack.cli.progress import StartProgress, ingest_progress
from ai_stack.local.supervisor import Status


def console(*, terminal: bool = False) -> tuple[Console, io.StringIO]:
    stream = io.StringIO()
    return Console(file=stream, force_terminal=terminal, width=100, soft_wrap=True), stream


def test_each_child_is_named_once_when_it_gets_ready_and_again_after_a_restart() -> None:
    shown, stream = console()
    progress = StartProgress(shown)
    status = {"aidb": Status()}
    for state in ("waiting", "starting", "ready", "ready"):
        status["aidb"].state = state
        progress(status)
    status["aidb"].state, status["aidb"].last_exit = "restarting", -9
    progress(status)
    status["aidb"].state, status["aidb"].restarts = "ready", 1
    progress(status)
    lines = [line.split() for line in stream.getvalue().splitlines()]
    assert lines[0][:2] == ["aidb", "ready"]
    assert lines[1] == ["aidb", "ended", "with", "-9;", "starting", "again"]
    assert lines[2] == ["aidb", "ready", "restart", "1"]
    assert len(lines) == 3


def test_without_a_terminal_there_is_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_module, "LINE_SECONDS", 0)
    shown, stream = console()
    with ingest_progress(shown) as progress:
        progress(Report(found=9, pending=3))
    assert stream.getvalue() == "  0 of 9 documents, 3 chunks wait for their vectors\n"
    monkeypatch.setattr(progress_module, "LINE_SECONDS", 1000)
    with ingest_progress(shown) as progress:
        progress(Report(found=8))
    assert "8 documents" not in stream.getvalue()


def test_on_a_terminal_there_are_bars_that_disappear() -> None:
    shown, stream = console(terminal=True)
    with ingest_progress(shown) as progress:
        progress(Report(found=9, new_chunks=10, pending=3))
        progress(Report(found=9, new_chunks=10))
    assert "documents" in stream.getvalue()
    assert "vectors" in stream.getvalue()
