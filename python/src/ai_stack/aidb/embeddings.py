"""Vectors for texts, from the embeddings service, of the one model that the database belongs to."""

import time
from collections.abc import Callable, Sequence

import numpy as np

from ai_stack.aidb.cache import VectorCache
from ai_stack.aidb.database import Database
from ai_stack.aidb.errors import ModelMismatch
from ai_stack.aidb.identity import ModelIdentity, read_identity
from ai_stack.aidb.vectors import Vectors, to_vectors
from ai_stack.service.client import ServiceClient
from ai_stack.service.logs import get_logger
from ai_stack.service.resilience import DependencyUnavailable, deadline
from ai_stack.service.tracing import span

#: How long a search relies on what the service last said about its model, in seconds.
IDENTITY_MAX_AGE = 5.0
#: Pause in seconds that a client is told when the models differ: it takes an operator.
MISMATCH_RETRY_AFTER = 60.0

log = get_logger(__name__)


class Embeddings:
    """The embeddings service, checked against the stored model identity.

    Args:
        client: of the service.
        database: holds the identity.
        cache: of query vectors; None for none.
        batch_size: texts per request.
        timeout: seconds for a batch of texts.
        query_timeout: seconds that a search waits for its vector.
        clock: monotonic time in seconds.
    """

    def __init__(
        self,
        client: ServiceClient,
        database: Database,
        cache: VectorCache | None,
        *,
        batch_size: int,
        timeout: float,
        query_timeout: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._database = database
        self._cache = cache
        self._batch_size = batch_size
        self._timeout = timeout
        self._query_timeout = query_timeout
        self._clock = clock
        self._running: ModelIdentity | None = None
        self._running_since = 0.0
        self._stored: ModelIdentity | None = None
        self._conflict: str | None = None

    @property
    def conflict(self) -> str | None:
        """Why vectors cannot be used, as far as it is known without asking; None when they can."""
        return self._conflict

    async def check(self, *, max_age: float = 0.0) -> ModelIdentity:
        """Ask the service for its model and compare it with the stored one.

        Args:
            max_age: seconds; an answer that is not older than this is good enough.

        Raises:
            ModelMismatch: it runs another model.
            DependencyError: the service or PostgreSQL failed.
        """
        if self._running is None or self._clock() - self._running_since > max_age:
            asked = self._clock()
            info = await self._client.request_json("GET", "/info", timeout=self._query_timeout)
            try:
                self._running = ModelIdentity.from_info(info)
            except ValueError as error:
                raise self._unusable(str(error)) from None
            self._running_since = asked
        if self._stored is None:
            self._stored = await read_identity(self._database)
        self._note(self._running.conflict(self._stored))
        self.require_no_conflict()
        return self._running

    def require_no_conflict(self) -> None:
        """Raise `ModelMismatch` when the last check found one."""
        if self._conflict is not None:
            raise ModelMismatch(self._conflict, retry_after=MISMATCH_RETRY_AFTER)

    async def embed_query(self, text: str) -> Vectors:
        """Return the vector of a query, of shape (DIMENSION,), from the cache where possible.

        Raises:
            ModelMismatch, DependencyError: there is no vector, or none that can be compared with the stored ones.
            RemoteError: the service refuses the text.
        """
        with deadline(self._query_timeout):
            model = await self.check(max_age=IDENTITY_MAX_AGE)
            if self._cache is not None and (cached := await self._cache.get(model, text)) is not None:
                return cached
            vector: Vectors = (await self._embed([text], self._query_timeout))[0]
        if self._cache is not None:
            await self._cache.put(model, text, vector)
        return vector

    async def embed_texts(self, texts: Sequence[str]) -> tuple[Vectors, ModelIdentity]:
        """Return vectors of shape (len(texts), DIMENSION), and the model that made them.

        Raises:
            ModelMismatch, DependencyError, RemoteError: as `embed_query`.
        """
        before = await self.check()
        parts = [
            await self._embed(texts[start : start + self._batch_size], self._timeout)
            for start in range(0, len(texts), self._batch_size)
        ]
        # The answer does not say which model made it. The same one before and after did.
        after = await self.check()
        if before != after:
            raise self._unusable("the model changed while it was at work")
        return np.concatenate(parts), after

    async def _embed(self, texts: Sequence[str], timeout: float) -> Vectors:
        with span("aidb.embed_texts", text_count=len(texts)):
            answer = await self._client.request_json(
                "POST", "/embed", json={"inputs": list(texts)}, idempotent=True, timeout=timeout
            )
            try:
                return to_vectors(answer, count=len(texts))
            except ValueError as error:
                raise self._unusable(str(error)) from None

    def _note(self, conflict: str | None) -> None:
        if conflict != self._conflict:
            self._conflict = conflict
            if conflict:
                log.error("model.mismatch", reason=conflict)
            else:
                log.info("model.matches", model=str(self._running))

    @staticmethod
    def _unusable(reason: str) -> DependencyUnavailable:
        log.error("embeddings.unusable_answer", reason=reason)
        return DependencyUnavailable("embeddings")
