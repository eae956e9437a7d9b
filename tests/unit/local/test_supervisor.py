"""The supervisor, with small shell scripts for children."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from ai_stack.local.errors import LocalError
from ai_stack.local.program import Program
from ai_stack.local.supervisor import LONGEST_BACKOFF, Child, Supervisor, backoff
from support.waiting import until

SERVE = (
    'echo "up $0" >> events; trap \'echo "down $0" >> events; exit 0\' TERM; '
    'touch "$0.ready"; while :; do sleep 0.02; done'
)
STUBBORN = "trap '' TERM; touch \"$0.ready\"; while :; do sleep 0.02; done"
BROKEN = "echo the disk is full >&2; exit 3"


def child(
    directory: Path,
    name: str,
    script: str = SERVE,
    requires: tuple[str, ...] = (),
    uses: tuple[str, ...] = (),
    timeout: float = 20,
    after_ready: Callable[[], None] = lambda: None,
) -> Child:
    program = Program(
        name=name,
        command=("sh", "-c", script, name),
        directory=directory,
        log=directory / f"{name}.log",
        ready=(directory / f"{name}.ready").exists,
    )
    return Child(program, requires, uses, timeout, after_ready=after_ready)


def events(directory: Path) -> list[str]:
    return (directory / "events").read_text().splitlines()


def alive(pid: int | None) -> bool:
    return pid is not None and Path(f"/proc/{pid}").exists()


def supervisor(*children: Child, stop_timeout: float = 10.0) -> Supervisor:
    return Supervisor(children, on_change=lambda: None, stop_timeout=stop_timeout)


async def test_children_start_after_what_they_require_and_stop_in_reverse_order(tmp_path: Path) -> None:
    made = supervisor(
        child(tmp_path, "c", requires=("b",)), child(tmp_path, "b", requires=("a",)), child(tmp_path, "a")
    )
    await made.start()
    assert [status.state for status in made.status.values()] == ["ready"] * 3
    pids = [status.pid for status in made.status.values()]
    assert all(map(alive, pids))
    await made.stop()
    assert events(tmp_path) == ["up a", "up b", "up c", "down c", "down b", "down a"]
    assert not any(map(alive, pids))
    assert [status.state for status in made.status.values()] == ["stopped"] * 3


async def test_a_child_starts_beside_what_it_uses_and_ends_before_it(tmp_path: Path) -> None:
    wait_for_b = "while ! test -e b.ready; do sleep 0.02; done; " + SERVE
    made = supervisor(child(tmp_path, "a", wait_for_b), child(tmp_path, "b", uses=("a",)))
    await made.start()
    await made.stop()
    assert events(tmp_path) == ["up b", "up a", "down b", "down a"]


async def test_a_killed_child_is_started_again_and_the_restart_is_counted(tmp_path: Path) -> None:
    changes = []
    made = Supervisor([child(tmp_path, "a")], on_change=lambda: changes.append(made.status["a"].state))
    await made.start()
    status = made.status["a"]
    first = status.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    await until(lambda: status.restarts == 1 and status.state == "ready")
    assert status.pid != first
    assert status.last_exit == -signal.SIGKILL
    assert "restarting" in changes
    await made.stop()


async def test_a_child_that_fails_its_restart_is_tried_again(tmp_path: Path) -> None:
    made = supervisor(child(tmp_path, "a", "test -e broken && exit 4; " + SERVE))
    await made.start()
    status = made.status["a"]
    (tmp_path / "broken").touch()
    (tmp_path / "a.ready").unlink()
    assert status.pid is not None
    os.kill(status.pid, signal.SIGKILL)
    await until(lambda: status.restarts >= 2)
    assert status.last_exit == 4
    (tmp_path / "broken").unlink()
    await until(lambda: status.state == "ready")
    await made.stop()


async def test_a_child_that_ends_at_its_first_start_is_an_error_with_its_last_words(tmp_path: Path) -> None:
    made = supervisor(child(tmp_path, "a"), child(tmp_path, "b", BROKEN, requires=("a",)))
    with pytest.raises(LocalError, match=r"b ended at its start: the disk is full \(log: .*b\.log\)"):
        await made.start()
    await made.stop()
    assert events(tmp_path) == ["up a", "down a"]


async def test_a_child_that_does_not_get_ready_in_time_is_an_error_and_is_ended(tmp_path: Path) -> None:
    made = supervisor(child(tmp_path, "a", "exec sleep 1000", timeout=0.2))
    with pytest.raises(LocalError, match=r"a was not ready within 0\.2 s"):
        await made.start()
    assert made.status["a"].pid is None
    await made.stop()


async def test_a_child_that_ignores_the_request_to_end_is_killed(tmp_path: Path) -> None:
    made = supervisor(child(tmp_path, "a", STUBBORN), stop_timeout=0.2)
    await made.start()
    pid = made.status["a"].pid
    await made.stop()
    assert not alive(pid)


async def test_hurry_ends_a_stop_that_waits(tmp_path: Path) -> None:
    hurry = asyncio.Event()
    made = Supervisor([child(tmp_path, "a", STUBBORN)], on_change=lambda: None, stop_timeout=1000, hurry=hurry)
    await made.start()
    stopping = asyncio.create_task(made.stop())
    await asyncio.sleep(0)
    hurry.set()
    await asyncio.wait_for(stopping, 20)


async def test_stop_during_the_start_leaves_nothing_running(tmp_path: Path) -> None:
    made = supervisor(child(tmp_path, "a", "touch began; exec sleep 1000"), child(tmp_path, "b", requires=("a",)))
    starting = asyncio.create_task(made.start())
    await until((tmp_path / "began").exists)
    pid = made.status["a"].pid
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    await made.stop()
    assert not alive(pid)


async def test_others_wait_for_the_work_after_ready(tmp_path: Path) -> None:
    done = tmp_path / "a.prepared"
    script = "test -e a.prepared || exit 9; " + SERVE
    made = supervisor(child(tmp_path, "a", after_ready=done.touch), child(tmp_path, "b", script, requires=("a",)))
    await made.start()
    await made.stop()


def test_a_requirement_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="required and missing: a"):
        supervisor(child(tmp_path, "b", requires=("a",)))
    with pytest.raises(ValueError, match="same name"):
        supervisor(child(tmp_path, "a"), child(tmp_path, "a"))


def test_the_pause_before_a_restart_grows_to_a_bound() -> None:
    pauses = [backoff(ends) for ends in (1, 2, 3, 50, 100_000)]
    assert pauses == [0.25, 0.5, 1.0, LONGEST_BACKOFF, LONGEST_BACKOFF]
