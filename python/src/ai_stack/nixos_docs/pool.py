"""Searches an index from the event loop: a few threads, each with its own connection."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ai_stack.nixos_docs.opening import IndexInfo
from ai_stack.nixos_docs.reader import IndexReader, SearchTimeout
from ai_stack.service.errors import DeadlineExceeded, Unavailable
from ai_stack.service.resilience import remaining
from ai_stack.service.tracing import in_context

T = TypeVar("T")

Expired = Callable[[], bool]


class IndexPool:
    """The readers of one index file. To be used from one event loop.

    Args:
        info: of the validated file.
        threads: searches that run at the same time.
        queue: searches that may wait beside them.
        timeout: seconds that a search may take, waiting included.
    """

    def __init__(self, info: IndexInfo, *, threads: int, queue: int, timeout: float) -> None:
        self.info = info
        self._timeout = timeout
        self._capacity = threads + queue
        self._busy = 0
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="index")
        self._local = threading.local()
        self._readers: list[IndexReader] = []

    async def run(self, job: Callable[[IndexReader, Expired], T]) -> T:
        """Run `job` in a thread, with that thread's reader and a function that says when to give up.

        Ends within the request's deadline and the pool's timeout, whichever is nearer.

        Raises:
            Unavailable: too many searches wait already.
            DeadlineExceeded: not done in time.
        """
        if self._busy >= self._capacity:
            raise Unavailable("too many searches are waiting", retry_after=1)
        left = remaining()
        budget = self._timeout if left is None else min(self._timeout, left)
        end = time.monotonic() + budget
        abandoned = threading.Event()

        def expired() -> bool:
            return abandoned.is_set() or time.monotonic() >= end

        def work() -> T:
            if expired():
                raise SearchTimeout
            return job(self._reader(), expired)

        self._busy += 1
        try:
            async with asyncio.timeout(budget):
                return await asyncio.get_running_loop().run_in_executor(self._executor, in_context(work))
        except (SearchTimeout, TimeoutError):
            raise DeadlineExceeded("the search took too long") from None
        finally:
            # The thread sees this at its next look at the clock, when the caller went away.
            abandoned.set()
            self._busy -= 1

    async def aclose(self) -> None:
        """Let running searches end and close the file."""
        await asyncio.to_thread(self._close)

    def _reader(self) -> IndexReader:
        reader: IndexReader | None = getattr(self._local, "reader", None)
        if reader is None:
            reader = self._local.reader = IndexReader(self.info.path)
            self._readers.append(reader)
        return reader

    def _close(self) -> None:
        self._executor.shutdown(wait=True)
        for reader in self._readers:
            reader.close()
