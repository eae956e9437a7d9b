"""Searches an index from the event loop: a few threads, and a connection for each."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ai_stack.nixos_docs.catalogue import load_catalogue
from ai_stack.nixos_docs.opening import IndexInfo, IndexRefused, is_same_file
from ai_stack.nixos_docs.reader import IndexReader, SearchTimeout
from ai_stack.nixos_docs.semantic.vectors import IndexVectors
from ai_stack.service.errors import DeadlineExceeded, Unavailable
from ai_stack.service.resilience import remaining
from ai_stack.service.tracing import in_context

T = TypeVar("T")

Expired = Callable[[], bool]


class IndexPool:
    """The readers of one index file. Made in any thread (which opens the file), then used from one event loop.

    `vectors` may be given to it later; without, it is searched by words alone.

    Args:
        info: of the validated file.
        threads: searches that run at the same time.
        queue: searches that may wait beside them.
        timeout: seconds that a search may take, waiting included.

    Raises:
        IndexRefused: the path has been given to another file than the validated one.
        sqlite3.Error: the file cannot be opened.
    """

    def __init__(self, info: IndexInfo, *, threads: int, queue: int, timeout: float) -> None:
        self.info = info
        self.catalogue = load_catalogue(info.path)
        self.vectors: IndexVectors | None = None
        self._timeout = timeout
        self._capacity = threads + queue
        self._busy = 0
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="index")
        # One for each thread, and opened now: later the path may lead to another file.
        self._readers = deque(IndexReader(info.path, self.catalogue) for _ in range(threads))
        if not is_same_file(info):
            self._close()
            raise IndexRefused("the file was replaced while it was opened")

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
            reader = self._readers.pop()
            try:
                with reader.until(expired):
                    return job(reader, expired)
            finally:
                self._readers.append(reader)

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

    def _close(self) -> None:
        self._executor.shutdown(wait=True)
        for reader in self._readers:
            reader.close()
