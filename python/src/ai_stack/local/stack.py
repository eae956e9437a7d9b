"""The life of a stack in one state directory: up, what it tells about itself, down, recovery."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ai_stack.local import logfile, processes
from ai_stack.local.errors import LocalError
from ai_stack.local.lock import StateLock
from ai_stack.local.paths import private_directory, remove_socket_directory
from ai_stack.local.record import ChildRecord, StackRecord, read_record, record_path, write_record
from ai_stack.local.supervisor import Child, Status, Supervisor

LOG_CHECK_SECONDS = 5.0
DOWN_SECONDS = 60.0
LEFTOVER_SECONDS = 10.0


@dataclass(frozen=True)
class Blueprint:
    """What a stack consists of.

    Attributes:
        children: its processes.
        services: base URL of each service.
        api_key_file: file with the user's API key.
    """

    children: Sequence[Child]
    services: Mapping[str, str]
    api_key_file: Path


class Stack:
    """A running stack.

    Args:
        state: its state directory.
        blueprint: what it consists of.
        on_change: called after every change of a child's status.
        hurry: once set, stopping uses force at once.
    """

    def __init__(
        self,
        state: Path,
        blueprint: Blueprint,
        on_change: Callable[[Mapping[str, Status]], None],
        hurry: asyncio.Event | None,
    ) -> None:
        self.state = state
        self.blueprint = blueprint
        self._on_change = on_change
        self._up = False
        self.supervisor = Supervisor(blueprint.children, on_change=self._changed, hurry=hurry)

    @property
    def record(self) -> StackRecord:
        """What ``stack.json`` says now."""
        status = self.supervisor.status
        pids = {name: child.pid for name, child in status.items() if child.pid is not None}
        return StackRecord(
            services=dict(self.blueprint.services),
            api_key_file=self.blueprint.api_key_file,
            pids={"supervisor": os.getpid(), **pids},
            children={name: ChildRecord(**asdict(child)) for name, child in status.items()},
        )

    async def start(self) -> None:
        """Start everything; from then on ``stack.json`` is there and follows every change.

        Raises:
            LocalError: a child could not be started.
        """
        await self.supervisor.start()
        self._up = True
        write_record(self.state, self.record)

    async def keep_logs_small(self) -> None:
        """Bound the children's logs from time to time; returns never."""
        while True:
            for child in self.blueprint.children:
                await asyncio.to_thread(logfile.bound, child.program.log)
            await asyncio.sleep(LOG_CHECK_SECONDS)

    async def stop(self) -> None:
        """Stop everything and take ``stack.json`` away."""
        self._up = False
        await self.supervisor.stop()
        record_path(self.state).unlink(missing_ok=True)
        remove_socket_directory(self.state)

    def _changed(self) -> None:
        self._on_change(self.supervisor.status)
        if self._up:
            write_record(self.state, self.record)


@contextlib.asynccontextmanager
async def running(
    state: Path,
    build: Callable[[Path], Blueprint],
    on_change: Callable[[Mapping[str, Status]], None] = lambda _: None,
    hurry: asyncio.Event | None = None,
) -> AsyncIterator[Stack]:
    """Bring a stack up, and down again at the end of the block.

    Args:
        state: state directory, made if missing.
        build: makes the blueprint; blocking, called after leftovers of an earlier run have gone.
        on_change: called after every change of a child's status.
        hurry: once set, stopping uses force at once.

    Raises:
        AlreadyRunningError: another process runs a stack there.
        LocalError: it could not be started; nothing is left running.
    """
    state = await asyncio.to_thread(private_directory, state)
    with StateLock(state):
        await asyncio.to_thread(recover, state)
        stack = Stack(state, await asyncio.to_thread(build, state), on_change, hurry)
        logs = asyncio.create_task(stack.keep_logs_small())
        try:
            await stack.start()
            yield stack
        finally:
            logs.cancel()
            await asyncio.gather(logs, return_exceptions=True)
            await stack.stop()


def recover(state: Path) -> None:
    """Clean up after a supervisor that was killed; the caller holds the lock.

    The kernel has told its children to end. One that has not ended after a while is killed, but only if its
    command line names this state directory: its number may belong to somebody else by now.

    Raises:
        LocalError: a process cannot be ended.
    """
    record = read_record(state)
    if record is None:
        return
    deadline = time.monotonic() + LEFTOVER_SECONDS
    while left := [pid for pid in record.pids.values() if belongs_to(pid, state)]:
        if time.monotonic() > deadline + LEFTOVER_SECONDS:
            raise LocalError(f"processes {left} of an earlier run do not end: end them, then try again")
        if time.monotonic() > deadline:
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
    record_path(state).unlink(missing_ok=True)


def belongs_to(pid: int, state: Path) -> bool:
    """Whether process `pid` was started for the stack in `state`."""
    inside = f"{state}{os.sep}"
    return any(inside in argument for argument in processes.command_line(pid))


def down(state: Path, timeout: float = DOWN_SECONDS) -> bool:
    """Stop the stack in `state` and return when all of it has ended.

    Args:
        state: its state directory.
        timeout: seconds it gets to stop in order; then its supervisor is killed, which ends the rest.

    Returns:
        Whether one was running.

    Raises:
        LocalError: it could not be stopped.
    """
    state = state.absolute()
    if not state.is_dir():
        return False
    lock = StateLock(state)
    holder = lock.holder()
    if holder is not None:
        for number, patience in ((signal.SIGTERM, timeout), (signal.SIGKILL, LEFTOVER_SECONDS)):
            if lock.holder() == holder:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(holder, number)
            deadline = time.monotonic() + patience
            # An orderly end releases the lock before the process is gone, a forced one after.
            while lock.holder() == holder or processes.command_line(holder):
                if time.monotonic() > deadline:
                    break
                time.sleep(0.05)
    with lock:
        recover(state)
        remove_socket_directory(state)
    return holder is not None
