"""Keeping the collections ready: at the start, after failures, and when the embedding model changes."""

import asyncio
import contextlib

from ai_stack.hybrid_coordinator.embedder import Embedder, ModelIdentity
from ai_stack.hybrid_coordinator.learned import Collections, ModelMismatch
from ai_stack.hybrid_coordinator.reembedding import Reembedding
from ai_stack.service.errors import ServiceError
from ai_stack.service.logs import get_logger

log = get_logger(__name__)

RETRY_SECONDS = 1.0
REFRESH_SECONDS = 30.0


class Preparation:
    """Prepares collections for the model that the embeddings service runs.

    Args:
        embedder: says which model it is.
        collections: to be kept ready for it.
        reembedding: moves them to another model; None refuses it.
        retry_seconds: pause after a failure.
        refresh_seconds: pause between looks at the model while all is well.
    """

    def __init__(
        self,
        embedder: Embedder,
        collections: Collections,
        reembedding: Reembedding | None = None,
        *,
        retry_seconds: float = RETRY_SECONDS,
        refresh_seconds: float = REFRESH_SECONDS,
    ) -> None:
        self._embedder = embedder
        self._collections = collections
        self._reembedding = reembedding
        self._retry_seconds = retry_seconds
        self._refresh_seconds = refresh_seconds
        self._reported: str | None = None

    async def once(self) -> bool:
        """Look at the model, prepare if that is due, and return whether the collections are ready.

        Raises:
            ModelMismatch: see `Collections.prepare`.
        """
        self._collections.due.clear()
        try:
            identity = await self._embedder.refresh()
            if self._collections.prepared_for != identity:
                await self._prepare(identity)
        except ModelMismatch:
            raise
        except ServiceError as error:
            self._report(error)
            return False
        self._reported = None
        return True

    async def _prepare(self, identity: ModelIdentity) -> None:
        try:
            await self._collections.prepare(identity)
        except ModelMismatch:
            if self._reembedding is None:
                raise
            await self._reembedding.run(identity)
            await self._collections.prepare(identity)

    async def keep(self) -> None:
        """Repeat `once` until cancelled. A mismatch is logged; it ends when the right model runs again."""
        while True:
            try:
                ready = await self.once()
            except ModelMismatch as error:
                self._report(error)
                ready = False
            except Exception:
                # A fault of ours; the loop must live, or the collections would stay away without a word.
                log.exception("collections.preparation_failed")
                ready = False
            if ready:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._collections.due.wait(), self._refresh_seconds)
            else:
                await asyncio.sleep(self._retry_seconds)

    def _report(self, error: ServiceError) -> None:
        # Once per cause: this repeats every second for as long as a dependency is away.
        if error.message != self._reported:
            self._reported = error.message
            log.warning("collections.not_ready", reason=error.message)
