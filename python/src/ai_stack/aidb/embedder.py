"""Gives stored chunks their vectors, in the background and as soon as possible.

The queue is a table: what is in it survives restarts, and several processes share it (`FOR UPDATE SKIP LOCKED`). A
chunk leaves it in the transaction that stores its vector.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NamedTuple

from ai_stack.aidb.chunking import count_tokens
from ai_stack.aidb.database import Connection, Database
from ai_stack.aidb.documents import DocumentStore
from ai_stack.aidb.embeddings import Embeddings
from ai_stack.aidb.epoch import next_epoch
from ai_stack.aidb.errors import ModelMismatch
from ai_stack.aidb.identity import claim_identity
from ai_stack.aidb.storing import HEADING_SEPARATOR
from ai_stack.aidb.vectors import Vectors, to_literal
from ai_stack.service.client import RemoteError
from ai_stack.service.logs import get_logger
from ai_stack.service.metrics import ServiceMetrics
from ai_stack.service.resilience import DependencyError, deadline
from ai_stack.service.tracing import span

#: Longest pause in seconds between attempts while the embeddings service is away; so late may its return be noticed.
MAX_PAUSE = 2.0
#: Seconds after which an idle worker looks for work that another process left behind.
HEARTBEAT = 10.0
#: Share of a chunk's size limit that its heading may take in the text that is embedded.
HEADING_TOKENS = 40
#: Answers that mean: this text cannot be embedded.
ABOUT_CONTENT = frozenset({400, 413, 422})

log = get_logger(__name__)


class _Claimed(NamedTuple):
    chunk_id: int
    document_id: int | None  # None: deleted since
    heading: str
    content: str


@dataclass(frozen=True, slots=True, eq=False)
class _Waiter:
    document_ids: frozenset[int]
    progress: asyncio.Event


class Embedder:
    """Workers that empty the queue of chunks without vectors.

    Args:
        database: holds the queue.
        documents: says which documents are complete.
        embeddings: makes the vectors.
        metrics: gets the length of the queue.
        batch_size: chunks per request to the embeddings service.
        concurrency: number of workers.
        timeout: seconds that one batch may take at the embeddings service, its second attempt included.
    """

    def __init__(
        self,
        database: Database,
        documents: DocumentStore,
        embeddings: Embeddings,
        metrics: ServiceMetrics,
        *,
        batch_size: int,
        concurrency: int,
        timeout: float,
    ) -> None:
        self._database = database
        self._documents = documents
        self._embeddings = embeddings
        self._batch_size = batch_size
        self._concurrency = concurrency
        self._timeout = timeout
        self._work_exists = asyncio.Event()
        self._waiters: set[_Waiter] = set()
        self._failing = False
        self._backlog = metrics.gauge("aidb_embedding_backlog_chunks", "Chunks that wait for their vector.")
        self._embedded = metrics.counter("aidb_chunks_embedded_total", "Chunks that got a vector.")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the workers for the length of the block. A batch that is cut off at its end starts anew the next time."""
        workers = [asyncio.create_task(self._work(), name=f"embedder-{n}") for n in range(self._concurrency)]
        try:
            yield
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    def wake(self) -> None:
        """There are new chunks in the queue."""
        self._work_exists.set()

    async def wait(self, document_ids: Collection[int], timeout: float) -> set[int]:
        """Wait until documents have all their vectors.

        Args:
            document_ids: of stored documents.
            timeout: seconds to wait at most. There is no waiting while the embeddings service fails.

        Returns:
            those that are not complete yet (all, if it cannot be found out).
        """
        waiter = _Waiter(frozenset(document_ids), asyncio.Event())
        pending = set(document_ids)
        give_up = asyncio.get_running_loop().time() + timeout
        self._waiters.add(waiter)
        try:
            while pending := await self._documents.pending(list(pending)):
                if self._failing:
                    break
                async with asyncio.timeout_at(give_up):
                    await waiter.progress.wait()
                waiter.progress.clear()
        except (TimeoutError, DependencyError):
            pass
        finally:
            self._waiters.discard(waiter)
        return pending

    async def _work(self) -> None:
        pause = 0.0
        while True:
            self._work_exists.clear()
            try:
                claimed = await self._embed_batch()
            except Exception as error:
                pause = MAX_PAUSE if isinstance(error, ModelMismatch) else min(MAX_PAUSE, max(0.1, pause * 2))
                self._failed(error, pause)
                await asyncio.sleep(pause)
                continue
            pause = 0.0
            if claimed == self._batch_size:
                self.wake()  # there may be enough for the others, too
            elif claimed == 0:
                await self._idle()

    async def _idle(self) -> None:
        try:
            async with asyncio.timeout(HEARTBEAT):
                await self._work_exists.wait()
        except TimeoutError:
            # Nothing else may ask for a long time, and searches with a vector of the caller's rely on what is known.
            try:
                await self._embeddings.check()
            except (DependencyError, ModelMismatch) as error:
                log.debug("embedder.check_failed", reason=str(error))

    def _failed(self, error: Exception, pause: float) -> None:
        if not isinstance(error, DependencyError | ModelMismatch):
            log.exception("embedder.failed", retry_in_seconds=pause)
        elif not self._failing:
            log.warning("embedder.waiting", reason=str(error))
        self._failing = True
        for waiter in self._waiters:
            waiter.progress.set()

    async def _embed_batch(self) -> int:
        """Embed some chunks of the queue and return how many were taken from it."""
        touched: set[int] = set()

        async def work(connection: Connection) -> int:
            claimed = [_Claimed(*row) for row in await connection.fetch(_CLAIM, (self._batch_size,))]
            alive = [chunk for chunk in claimed if chunk.document_id is not None]
            touched.update(chunk.document_id for chunk in alive if chunk.document_id is not None)
            with span("aidb.index_embeddings", item_count=len(alive)), deadline(self._timeout):
                refused = await self._embed_chunks(connection, alive) if alive else {}
            if claimed:
                await connection.fetch(_FINISH, ([c.chunk_id for c in claimed if c.chunk_id not in refused],))
            if refused:
                await connection.fetch(_REFUSE, {"ids": list(refused), "errors": list(refused.values())})
            if claimed:
                await next_epoch(connection)
            return len(claimed)

        # Longer than the work inside can take, so that a slow model does not count as a failure of PostgreSQL.
        claimed = await self._database.transaction(work, timeout=self._timeout + 30.0)
        if claimed:
            self._recovered()
            for waiter in self._waiters:
                if waiter.document_ids & touched:
                    waiter.progress.set()
        rows = await self._database.fetch("SELECT count(*) FROM embedding_queue WHERE error IS NULL")
        self._backlog.set({}, rows[0][0])
        return claimed

    def _recovered(self) -> None:
        if self._failing:
            self._failing = False
            log.info("embedder.working_again")

    async def _embed_chunks(self, connection: Connection, chunks: Sequence[_Claimed]) -> dict[int, str]:
        """Store the vectors of `chunks`; return the reasons by chunk id for those that the model cannot take."""
        texts = [embedding_text(chunk.heading, chunk.content) for chunk in chunks]
        try:
            vectors, model = await self._embeddings.embed_texts(texts)
        except RemoteError as error:
            if error.status not in ABOUT_CONTENT:
                raise
            if len(chunks) == 1:
                log.error("embedder.chunk_refused", chunk_id=chunks[0].chunk_id, reason=error.error)
                return {chunks[0].chunk_id: error.error}
            middle = len(chunks) // 2
            refused = await self._embed_chunks(connection, chunks[:middle])
            return refused | await self._embed_chunks(connection, chunks[middle:])
        # In the transaction that stores them: the stored model may have changed since they were asked for.
        stored = await claim_identity(connection, model)
        if conflict := model.conflict(stored):
            self._embeddings.believe(stored)
            raise ModelMismatch(conflict)
        await connection.fetch(_STORE, _vector_arrays(chunks, vectors))
        self._embedded.add({}, len(chunks))
        return {}


def embedding_text(heading: str, content: str) -> str:
    """Return what is embedded for a chunk: where it stands, then what it says.

    Of a long heading the innermost titles are kept. White space is normalised, as the model does not see it.
    """
    titles = heading.split(HEADING_SEPARATOR)
    while len(titles) > 1 and count_tokens(heading) > HEADING_TOKENS:
        titles = titles[1:]
        heading = HEADING_SEPARATOR.join(titles)
    if count_tokens(heading) > HEADING_TOKENS:
        heading = ""
    return " ".join(f"{heading}\n{content}".split())


def _vector_arrays(chunks: Sequence[_Claimed], vectors: Vectors) -> dict[str, list[object]]:
    return {
        "ids": [chunk.chunk_id for chunk in chunks],
        "vectors": [to_literal(vector) for vector in vectors],
    }


_CLAIM = """
    WITH claimed AS (
        SELECT chunk_id FROM embedding_queue
        WHERE error IS NULL AND NOT EXISTS (SELECT FROM model_change WHERE complete)
        ORDER BY chunk_id LIMIT %s FOR UPDATE SKIP LOCKED)
    SELECT q.chunk_id, c.document_id, c.heading, c.content
    FROM claimed q LEFT JOIN chunks c ON c.id = q.chunk_id ORDER BY q.chunk_id"""

_STORE = """
    UPDATE chunks SET embedding = new.embedding::vector
    FROM unnest(%(ids)s::bigint[], %(vectors)s::text[]) AS new (id, embedding) WHERE chunks.id = new.id"""

_FINISH = "DELETE FROM embedding_queue WHERE chunk_id = ANY(%s::bigint[])"

_REFUSE = """
    UPDATE embedding_queue SET error = refused.error
    FROM unnest(%(ids)s::bigint[], %(errors)s::text[]) AS refused (id, error) WHERE chunk_id = refused.id"""
