"""Gives every chunk its vector of the next model, as long as the model is being changed."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

from ai_stack.aidb.database import Connection, Database
from ai_stack.aidb.embedder import ABOUT_CONTENT, embedding_text
from ai_stack.aidb.errors import ModelMismatch
from ai_stack.aidb.identity import ModelIdentity
from ai_stack.aidb.model_change import ModelChange
from ai_stack.aidb.model_client import ModelClient
from ai_stack.aidb.vectors import to_literal
from ai_stack.service.client import RemoteError
from ai_stack.service.logs import get_logger
from ai_stack.service.metrics import ServiceMetrics
from ai_stack.service.resilience import DependencyError, deadline

#: Seconds between two looks for a change that another process began, or that was resumed.
HEARTBEAT = 2.0
#: Seconds before the switch is tried again when others used the tables.
SETTLE_PAUSE = 0.2

log = get_logger(__name__)


class _Claimed(NamedTuple):
    chunk_id: int
    heading: str | None  # None: deleted since
    content: str | None


class Reembedder:
    """Works a change of the model off.

    Args:
        database: holds the queue.
        change: ends the change when the queue is empty.
        client: the service that runs the next model; None when none is configured.
        metrics: gets the length of the queue.
        batch_size: chunks per request.
        timeout: seconds that one batch may take.
    """

    def __init__(
        self,
        database: Database,
        change: ModelChange,
        client: ModelClient | None,
        metrics: ServiceMetrics,
        *,
        batch_size: int,
        timeout: float,
    ) -> None:
        self._database = database
        self._change = change
        self._client = client
        self._batch_size = batch_size
        self._timeout = timeout
        self._begun = asyncio.Event()
        self._failing = False
        self._waiting = metrics.gauge("aidb_reembedding_chunks", "Chunks that wait for their vector of the next model.")
        self._idle = metrics.gauge(
            "aidb_model_change_idle_seconds",
            "Seconds since a change of the model that is neither paused nor over last came further; otherwise 0.",
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Work for the length of the block. A batch that is cut off at its end starts anew the next time."""
        task = asyncio.create_task(self._work(), name="reembedder")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def wake(self) -> None:
        """A change was begun, resumed or cancelled."""
        self._begun.set()

    async def _work(self) -> None:
        while True:
            self._begun.clear()
            try:
                pause = await self._step()
                self._failing = False
            except Exception as error:
                pause = HEARTBEAT
                if not isinstance(error, DependencyError | ModelMismatch):
                    log.exception("reembedder.failed", retry_in_seconds=pause)
                elif not self._failing:
                    log.warning("reembedder.waiting", reason=str(error))
                self._failing = True
            try:
                async with asyncio.timeout(pause):
                    await self._begun.wait()
            except TimeoutError:
                continue

    async def _step(self) -> float:
        """Do one batch, or end the change; return how many seconds to wait before the next step."""
        change = await self._database.fetch(
            "SELECT m.name, m.revision, m.dimension, extract(epoch FROM now() - j.updated_at)::float8, j.state,"
            " (SELECT count(*) FROM reembedding_queue WHERE error IS NULL)"
            " FROM model_change m JOIN jobs j ON j.id = m.job_id"
        )
        if not change:
            self._waiting.set({}, 0)
            self._idle.set({}, 0)
            return HEARTBEAT
        *model, idle, state, waiting = change[0]
        self._waiting.set({}, waiting)
        self._idle.set({}, 0 if state == "paused" else max(0.0, idle))
        if state == "running" and waiting and self._client is not None:
            return 0.0 if await self._embed_batch(ModelIdentity(*model)) else HEARTBEAT
        if state == "cancelled" or (state == "running" and not waiting):
            return HEARTBEAT if await self._change.settle() else SETTLE_PAUSE
        return HEARTBEAT

    async def _embed_batch(self, model: ModelIdentity) -> int:
        """Embed some chunks of the queue and return how many were taken from it."""
        client = self._client
        assert client is not None

        async def work(connection: Connection) -> int:
            claimed = [_Claimed(*row) for row in await connection.fetch(_CLAIM, (self._batch_size,))]
            alive = [chunk for chunk in claimed if chunk.heading is not None]
            with deadline(self._timeout):
                await self._require(model)
                refused = await self._embed(connection, client, alive) if alive else {}
                await self._require(model)
            done = [chunk.chunk_id for chunk in claimed if chunk.chunk_id not in refused]
            await connection.fetch("DELETE FROM reembedding_queue WHERE chunk_id = ANY(%s::bigint[])", (done,))
            if refused:
                await connection.fetch(_REFUSE, {"ids": list(refused), "errors": list(refused.values())})
            # The number of chunks grows and falls as documents come and go.
            await connection.fetch(_PROGRESS, {"n": len(claimed)})
            return len(claimed)

        return await self._database.transaction(work, timeout=self._timeout + 30.0)

    async def _require(self, model: ModelIdentity) -> None:
        assert self._client is not None
        running = await self._client.model()
        if running != model:
            raise ModelMismatch(f"the next embeddings service runs {running}, but the change is to {model}")

    async def _embed(self, connection: Connection, client: ModelClient, chunks: Sequence[_Claimed]) -> dict[int, str]:
        """Store the vectors of `chunks`; return the reasons by chunk id for those that the model cannot take."""
        texts = [embedding_text(chunk.heading or "", chunk.content or "") for chunk in chunks]
        try:
            vectors = await client.embed(texts)
        except RemoteError as error:
            if error.status not in ABOUT_CONTENT:
                raise
            if len(chunks) == 1:
                log.error("reembedder.chunk_refused", chunk_id=chunks[0].chunk_id, reason=error.error)
                return {chunks[0].chunk_id: error.error}
            middle = len(chunks) // 2
            refused = await self._embed(connection, client, chunks[:middle])
            return refused | await self._embed(connection, client, chunks[middle:])
        arrays = {"ids": [chunk.chunk_id for chunk in chunks], "vectors": [to_literal(vector) for vector in vectors]}
        await connection.fetch(_STORE, arrays)
        return {}


_CLAIM = """
    WITH claimed AS (
        SELECT chunk_id FROM reembedding_queue WHERE error IS NULL
        ORDER BY chunk_id LIMIT %s FOR UPDATE SKIP LOCKED)
    SELECT q.chunk_id, c.heading, c.content
    FROM claimed q LEFT JOIN chunks c ON c.id = q.chunk_id ORDER BY q.chunk_id"""

_STORE = """
    UPDATE chunks SET embedding_next = new.embedding::vector
    FROM unnest(%(ids)s::bigint[], %(vectors)s::text[]) AS new (id, embedding) WHERE chunks.id = new.id"""

_REFUSE = """
    UPDATE reembedding_queue SET error = refused.error
    FROM unnest(%(ids)s::bigint[], %(errors)s::text[]) AS refused (id, error) WHERE chunk_id = refused.id"""

_PROGRESS = """
    UPDATE jobs SET done = done + %(n)s, updated_at = now(),
        total = done + %(n)s + (SELECT count(*) FROM reembedding_queue WHERE error IS NULL)
    WHERE id = (SELECT job_id FROM model_change)"""
