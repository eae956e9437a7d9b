"""Vectors for texts, from the embeddings service, of the one model that the database belongs to."""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from ai_stack.aidb.cache import VectorCache
from ai_stack.aidb.database import Database
from ai_stack.aidb.errors import ModelMismatch
from ai_stack.aidb.identity import ModelIdentity, read_identity
from ai_stack.aidb.model_client import ModelClient, unusable
from ai_stack.aidb.vectors import Vectors
from ai_stack.service.logs import get_logger
from ai_stack.service.resilience import DependencyError, deadline

T = TypeVar("T")

#: How long a search relies on what the service last said about its model, in seconds.
IDENTITY_MAX_AGE = 5.0
#: Pause in seconds that a client is told when the models differ: it takes an operator.
MISMATCH_RETRY_AFTER = 60.0
#: Times that an answer may be found to be half of one model and half of another.
_ROUNDS = 3

log = get_logger(__name__)


class Embeddings:
    """The embeddings service, checked against the stored model identity.

    During a change of the model there are two services. The one that runs the stored model is asked.

    Args:
        clients: of the services, the usual one first.
        database: holds the identity.
        cache: of query vectors; None for none.
        query_timeout: seconds that a search waits for its vector.
        clock: monotonic time in seconds.
    """

    def __init__(
        self,
        clients: Sequence[ModelClient],
        database: Database,
        cache: VectorCache | None,
        *,
        query_timeout: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clients = tuple(clients)
        self._client = self._clients[0]
        self._database = database
        self._cache = cache
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
            ModelMismatch: no service runs the stored model.
            DependencyError: the service or PostgreSQL failed.
        """
        if self._running is None or self._clock() - self._running_since > max_age:
            asked = self._clock()
            self._client, self._running = await self._find_running()
            self._running_since = asked
        if self._stored is None:
            self._stored = await read_identity(self._database)
        self._note(self._running.conflict(self._stored))
        self.require_no_conflict()
        return self._running

    async def _find_running(self) -> tuple[ModelClient, ModelIdentity]:
        """Return the service that runs the stored model; without one, the first that answers.

        Raises:
            DependencyError: none answers.
        """
        answers: list[tuple[ModelClient, ModelIdentity]] = []
        failure: DependencyError | None = None
        for client in self._clients:
            try:
                model = await client.model()
            except DependencyError as error:
                failure = failure or error
                continue
            answers.append((client, model))
            if self._stored is None or model == self._stored:
                return client, model
        # What is down may well be what runs the stored model.
        if failure is not None:
            raise failure
        return answers[0]

    def require_no_conflict(self) -> None:
        """Raise `ModelMismatch` when the last check found one."""
        if self._conflict is not None:
            raise ModelMismatch(self._conflict, retry_after=MISMATCH_RETRY_AFTER)

    async def consistently(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run a search that embeds its query and compares it with stored vectors, all of one model.

        The stored model may change between the two. Whoever finds the same model stored before and after has not met
        the change, which is one transaction; whoever does not, searches again.

        Raises:
            ModelMismatch: it changed again and again.
            DependencyError: PostgreSQL failed.
        """
        stored = await read_identity(self._database)
        for _ in range(_ROUNDS):
            self.believe(stored)
            result = await work()
            before, stored = stored, await read_identity(self._database)
            if before is None or stored == before:
                return result
        raise ModelMismatch("the model is being changed", retry_after=1.0)

    def believe(self, stored: ModelIdentity | None) -> None:
        """Take note of the stored model; when it is a new one, ask the services anew."""
        if stored != self._stored:
            self._stored = stored
            self._running = None

    async def embed_query(self, text: str) -> Vectors:
        """Return the vector of a query, of shape (DIMENSION,), from the cache where possible.

        Raises:
            ModelMismatch, DependencyError: there is no vector, or none that can be compared with the stored ones.
            RemoteError: the service refuses the text.
        """
        with deadline(self._query_timeout):
            model = await self.check(max_age=IDENTITY_MAX_AGE)
            client = self._client
            if self._cache is not None and (cached := await self._cache.get(model, text)) is not None:
                return cached
            vector: Vectors = (await client.embed([text], timeout=self._query_timeout))[0]
        if self._cache is not None:
            await self._cache.put(model, text, vector)
        return vector

    async def embed_texts(self, texts: Sequence[str]) -> tuple[Vectors, ModelIdentity]:
        """Return vectors of shape (len(texts), DIMENSION), and the model that made them.

        Raises:
            ModelMismatch, DependencyError, RemoteError: as `embed_query`.
        """
        before = await self.check()
        client = self._client
        vectors = await client.embed(texts)
        # The answer does not say which model made it. The same one before and after did.
        if await client.model() != before:
            self._running = None
            raise unusable("the model changed while it was at work")
        return vectors, before

    def _note(self, conflict: str | None) -> None:
        if conflict != self._conflict:
            self._conflict = conflict
            if conflict:
                log.error("model.mismatch", reason=conflict)
            else:
                log.info("model.matches", model=str(self._running))
