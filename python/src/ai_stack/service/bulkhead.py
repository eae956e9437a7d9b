"""A bound on the calls in flight to one dependency, and on those that wait for a place.

Without it a slow dependency ends up holding every request of the service (M. Nygard, "Release It!", 2nd ed. 2018,
section 5.3, Bulkheads).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class BulkheadFull(Exception):
    """All places are taken, and nobody else may wait for one."""


class BulkheadTimeout(Exception):
    """No place came free in time. Not a TimeoutError, which would look like one of the dependency."""


class Bulkhead:
    """At most `max_concurrency` holders; at most `max_waiting` wait for a place, first come first served."""

    def __init__(self, *, max_concurrency: int, max_waiting: int) -> None:
        self._max_waiting = max_waiting
        self._places = asyncio.Semaphore(max_concurrency)
        self._in_use = 0
        self._waiting = 0

    @property
    def in_use(self) -> int:
        """Calls in flight."""
        return self._in_use

    @property
    def waiting(self) -> int:
        """Calls waiting for a place."""
        return self._waiting

    @asynccontextmanager
    async def place(self, *, wait: float) -> AsyncIterator[None]:
        """Hold a place for the length of the block.

        Args:
            wait: seconds to wait for one at most.

        Raises:
            BulkheadFull: `max_waiting` calls wait already.
            BulkheadTimeout: no place came free within `wait`.
        """
        await self._acquire(wait)
        self._in_use += 1
        try:
            yield
        finally:
            self._in_use -= 1
            self._places.release()

    async def _acquire(self, wait: float) -> None:
        if not self._places.locked():
            await self._places.acquire()  # does not suspend
            return
        if self._waiting >= self._max_waiting:
            raise BulkheadFull
        self._waiting += 1
        try:
            async with asyncio.timeout(wait):
                await self._places.acquire()
        except TimeoutError:
            raise BulkheadTimeout from None
        finally:
            self._waiting -= 1
