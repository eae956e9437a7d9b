"""The index in use: opened or built at start, exchanged while searches go on."""

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ai_stack.nixos_docs.builder import BuildError, build_index, content_digest
from ai_stack.nixos_docs.inputs import Inputs
from ai_stack.nixos_docs.opening import IndexInfo, IndexRefused, validate
from ai_stack.nixos_docs.pool import IndexPool
from ai_stack.nixos_docs.sources import SourceError
from ai_stack.service.errors import Conflict, Unavailable
from ai_stack.service.logs import get_logger

log = get_logger(__name__)

FAILURES = (SourceError, BuildError, IndexRefused)


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a `Library.sync` did. `changed` says whether the new index differs from the one before."""

    info: IndexInfo
    built: bool
    changed: bool
    seconds: float


class Library:
    """Holds the index. Until `load` has ended well there is none.

    Args:
        path: the index file.
        inputs: reads what to build it from; None when it is only opened.
        open_pool: makes the pool of a validated index.
        exchanged: called when another index has come into use.
    """

    def __init__(
        self,
        path: Path,
        inputs: Callable[[], Inputs] | None,
        open_pool: Callable[[IndexInfo], IndexPool],
        exchanged: Callable[[], None] = lambda: None,
    ) -> None:
        self._path = path
        self._inputs = inputs
        self._open_pool = open_pool
        self._exchanged = exchanged
        self._pool: IndexPool | None = None
        self._work: asyncio.Task[SyncReport] | None = None
        self._stopped = threading.Event()

    @property
    def current(self) -> IndexPool | None:
        """The index in use, None while there is none. Use it at once, as that of `pool`."""
        return self._pool

    @property
    def info(self) -> IndexInfo | None:
        """What the index in use holds, None while there is none."""
        return self._pool.info if self._pool is not None else None

    def pool(self) -> IndexPool:
        """Return the index in use. Use it at once: it is closed when another one takes its place.

        Raises:
            Unavailable: there is none.
        """
        if self._pool is None:
            raise Unavailable("the index is not loaded", retry_after=5)
        return self._pool

    async def load(self) -> SyncReport:
        """Open the index, after building it where it is missing, refused or out of date.

        When it cannot be built, an older one that is whole is used as it is.

        Raises:
            SourceError, BuildError, IndexRefused: there is no index to use.
        """
        return await self._start(self._prepare)

    async def sync(self) -> SyncReport:
        """Build the index anew where it is built here, otherwise open the file again; then use it.

        Goes on when the caller is cancelled. When it fails, the index in use stays.

        Raises:
            Conflict: another one, or `load`, is at work.
            SourceError, BuildError, IndexRefused
        """
        if self._work is not None:
            raise Conflict("the index is being built already")
        return await self._start(self._renew)

    async def aclose(self) -> None:
        """Stop the work that is under way and close the index."""
        self._stopped.set()
        if self._work is not None:
            await asyncio.wait([self._work])
        if self._pool is not None:
            await self._pool.aclose()
            self._pool = None

    async def _start(self, prepare: Callable[[], tuple[IndexInfo, bool]]) -> SyncReport:
        self._work = asyncio.create_task(self._exchange(prepare), name="index-exchange")
        self._work.add_done_callback(self._work_done)
        return await asyncio.shield(self._work)

    def _work_done(self, work: asyncio.Task[SyncReport]) -> None:
        self._work = None
        # Logged here, since whoever started the work may be gone.
        if not work.cancelled() and (error := work.exception()) is not None and not self._stopped.is_set():
            unexpected = None if isinstance(error, FAILURES) else error
            log.error("index.exchange_failed", reason=str(error), exc_info=unexpected)

    async def _exchange(self, prepare: Callable[[], tuple[IndexInfo, bool]]) -> SyncReport:
        begun = time.monotonic()
        info, built = await asyncio.to_thread(prepare)
        pool = await asyncio.to_thread(self._open_pool, info)
        before, self._pool = self._pool, pool
        self._exchanged()
        if before is not None:
            await before.aclose()
        changed = before is None or before.info.content_digest != info.content_digest
        seconds = time.monotonic() - begun
        log.info(
            "index.loaded",
            sections=info.sections,
            options=info.options,
            packages=info.packages,
            built=built,
            changed=changed,
            duration_seconds=round(seconds, 3),
        )
        return SyncReport(info=info, built=built, changed=changed, seconds=seconds)

    def _prepare(self) -> tuple[IndexInfo, bool]:
        if self._inputs is None:
            return validate(self._path), False
        existing: IndexInfo | None = None
        try:
            existing = validate(self._path)
        except IndexRefused as refusal:
            log.info("index.not_usable", reason=str(refusal))
        try:
            if existing is not None and existing.content_digest == content_digest(self._inputs()):
                return existing, False
            return self._renew()
        except (SourceError, BuildError) as error:
            if existing is None:
                raise
            log.warning("index.out_of_date", reason=str(error))
            return existing, False

    def _renew(self) -> tuple[IndexInfo, bool]:
        if self._inputs is None:
            return validate(self._path), False
        build_index(self._inputs(), self._path, stopped=self._stopped.is_set)
        return validate(self._path), True
