"""`ai-stack up` as a process: the whole stack with its real stores and model."""

import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ai_stack.local import processes
from support.stack import command
from support.waiting import wait_until

PAGE = """# Tea house

## Opening hours

The tea house on the pier opens at four in the afternoon and serves smoked oolong.
"""


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    directory = tmp_path / "my corpus"
    directory.mkdir()
    (directory / "tea house.md").write_text(PAGE)
    return directory


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state dir"


def left_running(state: Path) -> list[int]:
    """Processes whose command line names the state directory."""
    found = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in found if any(str(state) in argument for argument in processes.command_line(pid))]


def wait_until_running(process: subprocess.Popen[bytes], output: Path) -> None:
    wait_until(lambda: b"Running." in output.read_bytes() or process.poll() is not None)
    assert process.poll() is None, output.read_text()


@contextmanager
def up(
    state: Path, corpus: Path, *arguments: str, before: Sequence[str] = ()
) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """Start `up` and yield its process and the file with its output; kill it in the end if a test failed."""
    output = state.with_suffix(".out")
    with output.open("wb") as out:
        process = subprocess.Popen(
            [*before, *command("up", "--state", str(state), "--corpus", str(corpus), *arguments)],
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process, output
    finally:
        process.kill()
        process.wait()
        wait_until(lambda: not left_running(state))


def test_once_answers_from_the_corpus_and_leaves_nothing_running(state: Path, corpus: Path) -> None:
    question = "When can I drink smoked oolong by the sea?"
    with up(state, corpus, "--once", "--question", question) as (process, output):
        assert process.wait(120) == 0, output.read_text()
        shown = output.read_text()
        assert not left_running(state)
    assert "The tea house on the pier opens at four in the afternoon" in shown
    assert re.search(r"\[1\] score 0\.\d+ .*tea house\.md", shown)
    assert re.search(r"1 documents stored \(1 created.*\n.*documents/s.*chunks/s", shown)
    assert "Timings" in shown
    assert not (state / "stack.json").exists()
    assert not (state / "run").exists()
    key = (state / "api-key").read_text().strip()
    assert key not in shown
    with up(state, corpus, "--once") as (process, output):
        assert process.wait(120) == 0, output.read_text()
        assert "0 created, 0 updated, 1 unchanged" in output.read_text()


def test_a_second_up_says_who_runs_and_ctrl_c_stops_everything_and_frees_the_ports(state: Path, corpus: Path) -> None:
    with up(state, corpus) as (process, output):
        wait_until_running(process, output)
        record = json.loads((state / "stack.json").read_text())
        second = subprocess.run(
            command("up", "--state", str(state), "--corpus", str(corpus)), capture_output=True, text=True, check=False
        )
        assert second.returncode == 1
        assert second.stderr == f"ai-stack: already running (pid {process.pid}) on {state}\n"
        assert f"'{state}/api-key'" in output.read_text()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        assert not left_running(state)
    for url in record["services"].values():
        with socket.socket() as client:
            assert client.connect_ex(("127.0.0.1", urlsplit(url).port or 0)) != 0


def test_ctrl_c_during_the_start_of_a_background_job_leaves_nothing_running(state: Path, corpus: Path) -> None:
    # A shell without job control starts background jobs with SIGINT ignored.
    with up(state, corpus, "--once", before=("sh", "-c", 'trap "" INT; exec "$@"', "sh")) as (process, output):
        wait_until(lambda: b"postgres" in output.read_bytes())
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert not left_running(state)


def test_up_recovers_after_its_predecessor_was_killed(state: Path, corpus: Path) -> None:
    with up(state, corpus) as (process, output):
        wait_until_running(process, output)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        with up(state, corpus, "--once", "--question", "Who serves oolong?") as (second, second_output):
            assert second.wait(120) == 0, second_output.read_text()
            assert "0 created, 0 updated, 1 unchanged" in second_output.read_text()


def test_a_service_that_cannot_start_is_one_line_with_its_log_and_nothing_stays(state: Path, corpus: Path) -> None:
    (state / "qdrant").mkdir(mode=0o700, parents=True)
    (state / "qdrant" / "meta.json").write_text("damaged")
    with up(state, corpus) as (process, output):
        assert process.wait(120) == 1
        last = output.read_text().splitlines()[-1]
        assert re.fullmatch(
            r"ai-stack: hybrid-coordinator ended at its start: .* \(log: .*hybrid-coordinator\.log\)", last
        )
        assert not left_running(state)
    assert not (state / "stack.json").exists()


def test_a_corpus_without_documents_is_refused_before_anything_starts(state: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with up(state, empty) as (process, output):
        assert process.wait(60) == 1
        kinds = ".htm, .html, .markdown, .md, .nix, .pdf, .py, .rst, .txt"
        assert output.read_text() == f"ai-stack: {empty} holds no document ({kinds})\n"
    assert not state.exists()
