"""Waiting for a condition: by looking again, until a deadline that no machine should need."""

import asyncio
import time
from collections.abc import Awaitable, Callable

PATIENCE = 120.0
"""Seconds. Long, since only a failing test waits for all of it, and machines differ by an order of magnitude."""


def wait_until(condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Return when `condition` is true; fail when it is not within so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not become true in time"
        time.sleep(0.02)


async def until(condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Return when `condition` is true, while other tasks go on; fail when it is not within so many seconds."""

    async def look() -> bool:
        return condition()

    await eventually(look, seconds)


async def eventually(condition: Callable[[], Awaitable[bool]], seconds: float = PATIENCE) -> None:
    """Return when the answer of `condition` is true; fail when it is not within so many seconds."""
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, "it did not become true in time"
        await asyncio.sleep(0.02)
