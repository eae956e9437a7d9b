"""The embedded stack as a user starts it."""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_READY = b"All services are ready"
_FILLED = b"Running."
_STOP_SECONDS = 60.0


class StackError(Exception):
    """The stack ended before it ran."""


@dataclass(frozen=True, slots=True)
class RunningStack:
    """A stack that is up and filled.

    Attributes:
        state: its state directory.
        pid: of the supervisor, whose children are all other processes.
        ready_seconds: from the command to the moment when every service could serve.
    """

    state: Path
    pid: int
    ready_seconds: float


@contextlib.asynccontextmanager
async def running_stack(state: Path, corpus: Path = ROOT / "docs") -> AsyncIterator[RunningStack]:
    """Start the stack, store the documents of `corpus`, and stop it in the end.

    Raises:
        StackError: see there; the message is what the stack said.
    """
    command = ("-m", "ai_stack.cli", "up", "--state", str(state), "--corpus", str(corpus))
    begun = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    assert process.stdout is not None
    said = b""
    ready = None
    try:
        while _FILLED not in said:
            block = await process.stdout.read(4096)
            if not block:
                raise StackError(said.decode(errors="replace"))
            said += block
            if ready is None and _READY in said:
                ready = time.perf_counter() - begun
        yield RunningStack(state, process.pid, ready or time.perf_counter() - begun)
    finally:
        if process.returncode is None:
            process.terminate()
        # Read on: a full pipe would keep it from ending.
        await asyncio.wait_for(process.communicate(), _STOP_SECONDS)
