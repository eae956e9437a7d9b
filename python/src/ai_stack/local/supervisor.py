"""Keep child processes running: start in order of dependency, restart what ends, stop in reverse order."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any, Literal

from ai_stack.local.errors import LocalError
from ai_stack.local.program import POLL_SECONDS, Program, start_async

INITIAL_BACKOFF = 0.25
LONGEST_BACKOFF = 15.0
STEADY_SECONDS = 60.0  # after which an end counts as a first one again

State = Literal["waiting", "starting", "ready", "restarting", "stopped"]


@dataclass(frozen=True)
class Child:
    """A program and its place in the stack.

    Attributes:
        program: what runs.
        requires: names of those that must be ready first.
        uses: names of those that it can start without, but that end after it.
        ready_timeout: seconds it may take to get ready.
        before_start: blocking preparation of every start.
        after_ready: blocking work after every start, before others see it as ready.
    """

    program: Program
    requires: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    ready_timeout: float = 60.0
    before_start: Callable[[], None] = lambda: None
    after_ready: Callable[[], None] = lambda: None


@dataclass
class Status:
    """What can be seen of a child.

    Attributes:
        state: "waiting" for its requirements, "restarting" while it pauses after an end.
        pid: process id while there is a process.
        restarts: how often it was started again.
        last_exit: exit status of the latest unwanted end; negative is the number of a signal.
    """

    state: State = "waiting"
    pid: int | None = None
    restarts: int = 0
    last_exit: int | None = None


def backoff(ends: int) -> float:
    """Seconds to pause before the start that follows `ends` unwanted ends in a row."""
    return min(LONGEST_BACKOFF, INITIAL_BACKOFF * 2.0 ** min(ends - 1, 16))


class Supervisor:
    """The children of one stack.

    Use it from the main thread: the kernel ties the children's life to the thread that starts them.

    Args:
        children: in any order.
        on_change: called in the event loop after every change of `status`.
        stop_timeout: seconds a child gets to end in order.
        hurry: once set, a running or later `stop` uses force at once.

    Raises:
        ValueError: a name is there twice, or required and missing.
    """

    def __init__(
        self,
        children: Sequence[Child],
        *,
        on_change: Callable[[], None],
        stop_timeout: float = 10.0,
        hurry: asyncio.Event | None = None,
    ) -> None:
        self._children = {child.program.name: child for child in children}
        if len(self._children) != len(children):
            raise ValueError("two children have the same name")
        if missing := {name for child in children for name in child.requires + child.uses} - self._children.keys():
            raise ValueError(f"required and missing: {', '.join(sorted(missing))}")
        self.status = {name: Status() for name in self._children}
        self._on_change = on_change
        self._stop_timeout = stop_timeout
        self._ready = {name: asyncio.Event() for name in self._children}
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._hurry = hurry or asyncio.Event()

    async def start(self) -> None:
        """Start every child and return when all are ready; restarts go on in the background.

        Raises:
            LocalError: one could not be started; the others may run, `stop` ends them.
        """
        for name, child in self._children.items():
            self._tasks[name] = asyncio.create_task(self._keep(child), name=f"keep {name}")
        everything_ready = asyncio.gather(*(event.wait() for event in self._ready.values()))
        try:
            watched: list[asyncio.Future[Any]] = [everything_ready, *self._tasks.values()]
            await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
            for task in self._tasks.values():
                if task.done():
                    task.result()
        finally:
            everything_ready.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await everything_ready

    async def wait(self) -> None:
        """Return never; a defect of the supervision itself is raised.

        Raises:
            LocalError: a child cannot be started any more.
        """
        await asyncio.gather(*self._tasks.values())

    async def stop(self) -> None:
        """End every child, dependants first; each in order if it can, else by force."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        for names in reversed(self._levels()):
            await asyncio.gather(*(self._stop_child(name) for name in names))

    def _levels(self) -> list[tuple[str, ...]]:
        sorter = TopologicalSorter({name: child.requires + child.uses for name, child in self._children.items()})
        sorter.prepare()
        levels = []
        while sorter.is_active():
            level = sorter.get_ready()
            levels.append(level)
            sorter.done(*level)
        return levels

    def _change(self, name: str, state: State) -> None:
        process = self._processes.get(name)
        status = self.status[name]
        status.state = state
        status.pid = process.pid if process is not None and process.returncode is None else None
        if state == "ready":
            self._ready[name].set()
        else:
            self._ready[name].clear()
        self._on_change()

    async def _keep(self, child: Child) -> None:
        name = child.program.name
        for required in child.requires:
            await self._ready[required].wait()
        ends = 0
        while True:
            began = time.monotonic()
            self._change(name, "starting")
            try:
                process = await self._start(child)
            except LocalError:
                if self.status[name].restarts == 0:
                    raise
            else:
                self._change(name, "ready")
                self.status[name].last_exit = await process.wait()
            ends = 1 if time.monotonic() - began > STEADY_SECONDS else ends + 1
            self._change(name, "restarting")
            await asyncio.sleep(backoff(ends))
            self.status[name].restarts += 1

    async def _start(self, child: Child) -> asyncio.subprocess.Process:
        """One start, up to the child being ready; on failure nothing of it is left."""
        program = child.program
        await asyncio.to_thread(child.before_start)
        process = self._processes[program.name] = await start_async(program)
        self._change(program.name, "starting")
        deadline = time.monotonic() + child.ready_timeout
        while not await asyncio.to_thread(program.ready):
            if process.returncode is not None:
                self.status[program.name].last_exit = process.returncode
                raise LocalError(f"{program.name} ended at its start: {program.last_words()} (log: {program.log})")
            if time.monotonic() > deadline:
                await self._stop_child(program.name)
                raise LocalError(f"{program.name} was not ready within {child.ready_timeout:g} s (log: {program.log})")
            await asyncio.sleep(POLL_SECONDS)
        await asyncio.to_thread(child.after_ready)
        return process

    async def _stop_child(self, name: str) -> None:
        process = self._processes.get(name)
        program = self._children[name].program
        if process is not None:
            for number in (program.stop_signal, program.hard_stop_signal, signal.SIGKILL):
                if process.returncode is not None:
                    break
                if self._hurry.is_set() and number is program.stop_signal:
                    continue
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(number)
                await self._ended(process, patient=number is not signal.SIGKILL)
        self._change(name, "stopped")

    async def _ended(self, process: asyncio.subprocess.Process, *, patient: bool) -> None:
        """Wait for the end: for ever after SIGKILL, else for the timeout or until somebody is in a hurry."""
        end = asyncio.ensure_future(process.wait())
        if not patient:
            await end
            return
        hurry = asyncio.ensure_future(self._hurry.wait())
        await asyncio.wait([end, hurry], timeout=self._stop_timeout, return_when=asyncio.FIRST_COMPLETED)
        for waiter in (end, hurry):
            waiter.cancel()
        await asyncio.gather(end, hurry, return_exceptions=True)
