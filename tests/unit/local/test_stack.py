"""The life of a stack with small fake children."""

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from ai_stack.local import lock
from ai_stack.local.errors import LocalError
from ai_stack.local.paths import private_directory
from ai_stack.local.program import Program
from ai_stack.local.record import read_record, record_path
from ai_stack.local.stack import Blueprint, down, running
from ai_stack.local.supervisor import Child
from support.waiting import wait_until

SUPERVISE = """
import asyncio, signal, sys
from pathlib import Path
from test_stack import build
from ai_stack.local.stack import running

async def main():
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with running(Path(sys.argv[1]), build):
        print("up", flush=True)
        await stop.wait()

asyncio.run(main())
"""


def build(state: Path) -> Blueprint:
    """Two children that listen on nothing; the second needs the first."""
    children = []
    for name, requires in (("first", ()), ("second", ("first",))):
        directory = private_directory(state / name)
        (directory / "ready").unlink(missing_ok=True)
        program = Program(
            name=name,
            command=("sh", "-c", "touch ready; while :; do sleep 0.02; done", str(directory / "marker")),
            directory=directory,
            log=directory / "log",
            ready=(directory / "ready").exists,
        )
        children.append(Child(program, requires))
    return Blueprint(children, {"first": "http://127.0.0.1:1"}, state / "api-key")


def exists(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False


def supervise(state: Path) -> subprocess.Popen[str]:
    """Run a stack in a process of its own."""
    here = Path(__file__).parent
    environment = {**os.environ, "PYTHONPATH": f"{here}{os.pathsep}{here.parents[1]}"}
    process = subprocess.Popen(
        [sys.executable, "-c", SUPERVISE, str(state)], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    process.stdout.close()
    return process


async def test_the_record_names_services_key_file_and_processes_while_the_stack_is_up(tmp_path: Path) -> None:
    state = tmp_path / "with space"
    async with running(state, build):
        found = json.loads(record_path(state).read_text())
        assert found["services"] == {"first": "http://127.0.0.1:1"}
        assert found["api_key_file"] == str(state / "api-key")
        assert set(found["pids"]) == {"supervisor", "first", "second"}
        assert all(exists(pid) for pid in found["pids"].values())
        assert stat.S_IMODE(record_path(state).stat().st_mode) == 0o600
        assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert read_record(state) is None
    assert not any(exists(pid) for name, pid in found["pids"].items() if name != "supervisor")


async def test_a_restart_shows_in_the_record(tmp_path: Path) -> None:
    async with running(tmp_path, build):
        before = read_record(tmp_path)
        assert before is not None
        os.kill(before.pids["first"], signal.SIGKILL)

        def restarted() -> bool:
            now = read_record(tmp_path)
            return now is not None and now.children["first"].restarts == 1 and "first" in now.pids

        await asyncio.to_thread(wait_until, restarted)
        after = read_record(tmp_path)
        assert after is not None
        assert after.pids["first"] != before.pids["first"]
        assert after.children["first"].last_exit == -signal.SIGKILL


async def test_a_second_stack_on_the_same_state_says_who_runs_there(tmp_path: Path) -> None:
    async with running(tmp_path, build):
        with pytest.raises(lock.AlreadyRunningError, match=rf"already running \(pid {os.getpid()}\)"):
            async with running(tmp_path, build):
                pass
        assert read_record(tmp_path) is not None


async def test_a_start_that_fails_leaves_no_process_and_no_record(tmp_path: Path) -> None:
    def broken(state: Path) -> Blueprint:
        good = build(state)
        bad = Program("bad", ("sh", "-c", "exit 7"), state, state / "bad.log", lambda: False)
        return Blueprint([*good.children, Child(bad, ("second",))], good.services, good.api_key_file)

    pids: set[int] = set()
    with pytest.raises(LocalError, match="bad ended at its start"):
        async with running(tmp_path, broken, lambda status: pids.update(s.pid for s in status.values() if s.pid)):
            pass
    assert len(pids) == 3
    assert not any(exists(pid) for pid in pids)
    assert not record_path(tmp_path).exists()
    assert lock.StateLock(tmp_path).holder() is None


def test_down_ends_every_process_and_says_whether_there_was_a_stack(tmp_path: Path) -> None:
    process = supervise(tmp_path)
    record = read_record(tmp_path)
    assert record is not None
    assert down(tmp_path) is True
    assert process.wait(20) == 0
    assert not any(exists(pid) for pid in record.pids.values())
    assert not record_path(tmp_path).exists()
    assert down(tmp_path) is False
    assert down(tmp_path / "never") is False


def test_children_end_with_a_supervisor_that_is_killed_and_the_next_start_recovers(tmp_path: Path) -> None:
    process = supervise(tmp_path)
    record = read_record(tmp_path)
    assert record is not None
    process.kill()
    process.wait()
    children = [record.pids["first"], record.pids["second"]]
    wait_until(lambda: not any(exists(pid) for pid in children))
    assert record_path(tmp_path).exists()
    again = supervise(tmp_path)
    renewed = read_record(tmp_path)
    assert renewed is not None
    assert renewed.pids["first"] not in children
    assert down(tmp_path)
    again.wait()


def test_down_after_a_killed_supervisor_cleans_up(tmp_path: Path) -> None:
    process = supervise(tmp_path)
    process.kill()
    process.wait()
    assert down(tmp_path) is False
    assert not record_path(tmp_path).exists()


def test_a_supervisor_that_does_not_react_is_killed(tmp_path: Path) -> None:
    process = supervise(tmp_path)
    os.kill(process.pid, signal.SIGSTOP)
    assert down(tmp_path, timeout=0.2) is True
    assert process.wait(20) == -signal.SIGKILL
    assert read_record(tmp_path) is None


def test_recovery_spares_a_process_that_has_inherited_the_number_of_a_child(tmp_path: Path) -> None:
    process = supervise(tmp_path)
    process.kill()
    process.wait()
    innocent = subprocess.Popen(["sleep", "1000"])
    record = read_record(tmp_path)
    assert record is not None
    changed = record.model_copy(update={"pids": {"first": innocent.pid}})
    record_path(tmp_path).write_text(changed.model_dump_json())
    assert down(tmp_path) is False
    assert innocent.poll() is None
    innocent.kill()
    innocent.wait()


def test_a_damaged_record_is_explained(tmp_path: Path) -> None:
    record_path(tmp_path).write_text("{")
    with pytest.raises(LocalError, match=r"stack\.json cannot be read: stop the stack and remove the file"):
        read_record(tmp_path)
