"""Gives stored documents their vectors on request: `POST /vector/index`.

A chunk's vector belongs to its text, so nothing here changes a text, and a chunk never gets a second vector. What has
its vector keeps it; what the model refused before is tried again; a vector of the caller's is taken if it is of the
stored model.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg2.extras import Json

from ai_stack.aidb.database import Connection, Database
from ai_stack.aidb.embedder import Embedder
from ai_stack.aidb.epoch import next_epoch
from ai_stack.aidb.identity import ModelIdentity, read_identity_in
from ai_stack.aidb.search_schemas import IndexItem, IndexRequest, IndexResult
from ai_stack.aidb.vectors import DIMENSION, to_literal, to_vectors
from ai_stack.service.errors import Conflict, NotFound, Unprocessable


@dataclass(frozen=True, slots=True)
class _Chunk:
    id: int
    content: str


class Indexing:
    """Indexes documents that are stored.

    Args:
        database: holds them.
        embedder: makes the vectors that the caller does not bring.
        wait: seconds to wait for these.
        write_timeout: seconds that storing may take.
    """

    def __init__(self, database: Database, embedder: Embedder, *, wait: float, write_timeout: float) -> None:
        self._database = database
        self._embedder = embedder
        self._wait = wait
        self._write_timeout = write_timeout

    async def index(self, request: IndexRequest) -> IndexResult:
        """Index all items, or none where one is refused.

        Raises:
            NotFound: there is no such document, or it has no such chunk.
            Unprocessable: an item cannot be done as it is.
            Conflict: a text or a model is not the stored one.
            DependencyError: PostgreSQL failed.
        """

        async def work(connection: Connection) -> list[int]:
            return await _index(connection, request)

        chunk_ids = await self._database.transaction(work, idempotent=True, timeout=self._write_timeout)
        self._embedder.wake()
        await self._embedder.wait({item.document_id for item in request.items}, self._wait)
        rows = await self._database.fetch(
            "SELECT count(*) FILTER (WHERE embedding IS NOT NULL), count(*) FILTER (WHERE error IS NOT NULL), count(*)"
            " FROM chunks c LEFT JOIN embedding_queue q ON q.chunk_id = c.id WHERE c.id = ANY(%s)",
            (chunk_ids,),
        )
        indexed, refused, total = rows[0]
        return IndexResult(indexed=indexed, pending=total - indexed - refused, refused=refused)


async def _index(connection: Connection, request: IndexRequest) -> list[int]:
    wanted = sorted({item.document_id for item in request.items})
    # In the order in which all others lock them. The chunks of a locked document stay as they are.
    found = await connection.fetch(
        "SELECT id, content FROM documents WHERE id = ANY(%s) ORDER BY project, path FOR UPDATE", (wanted,)
    )
    documents: dict[int, str] = dict(found)
    if missing := [number for number in wanted if number not in documents]:
        raise NotFound(f"there is no document {missing[0]}")
    chunks: dict[int, list[_Chunk]] = {number: [] for number in wanted}
    rows = await connection.fetch(
        "SELECT document_id, id, content FROM chunks WHERE document_id = ANY(%s) ORDER BY document_id, position",
        (wanted,),
    )
    for document_id, chunk_id, content in rows:
        chunks[document_id].append(_Chunk(chunk_id, content))
    meant = [_meant(item, documents[item.document_id], chunks[item.document_id]) for item in request.items]
    ids = [chunk.id for group in meant for chunk in group]
    if len(ids) != len(set(ids)):
        raise Unprocessable("items: a chunk is named twice")
    brought = [(group[0].id, item) for item, group in zip(request.items, meant, strict=True) if item.embedding]
    if brought:
        await _store(connection, brought)
        # Where the chunks are being written, the stored model cannot change any more.
        await _require_stored_model(connection, request)
    described = [item for item in request.items if item.metadata is not None]
    await connection.fetch(
        _DESCRIBE,
        {
            "ids": [item.document_id for item in described],
            "metadata": [Json(item.metadata) for item in described],
        },
    )
    await connection.fetch(
        "UPDATE embedding_queue SET error = NULL WHERE chunk_id = ANY(%s) AND error IS NOT NULL", (ids,)
    )
    await next_epoch(connection)
    return ids


def _meant(item: IndexItem, text: str, chunks: Sequence[_Chunk]) -> Sequence[_Chunk]:
    """Return the chunks that an item is about."""
    if item.chunk_id is not None:
        chunks = [chunk for chunk in chunks if chunk.id == item.chunk_id]
        if not chunks:
            raise NotFound(f"document {item.document_id} has no chunk {item.chunk_id}")
        text = chunks[0].content
    if item.content is not None and item.content != text:
        raise Conflict(
            f"content: is not what is stored of document {item.document_id}; store it with PUT"
            f" /documents/{item.document_id}"
        )
    if item.embedding is not None and len(chunks) != 1:
        raise Unprocessable(
            f"embedding: document {item.document_id} has {len(chunks)} chunks, and each has a vector of its own;"
            " name one by chunk_id"
        )
    return chunks


async def _require_stored_model(connection: Connection, request: IndexRequest) -> None:
    if request.model is None or request.revision is None:
        raise Unprocessable("embedding: say of which model it is, with model and revision as POST /vector/embed does")
    stored = await read_identity_in(connection)
    if stored is None:
        raise Conflict("no model is stored yet: let aidb embed a document first")
    given = ModelIdentity(request.model, request.revision, DIMENSION)
    if given != stored:
        raise Conflict(f"the vectors are of {given}, but the stored ones were made by {stored}")


async def _store(connection: Connection, brought: Sequence[tuple[int, IndexItem]]) -> None:
    try:
        vectors = to_vectors([item.embedding for _, item in brought], count=len(brought))
    except ValueError as error:
        raise Unprocessable(f"embedding: {error}") from None
    ids = [chunk_id for chunk_id, _ in brought]
    # Before the chunks, as the embedder does, who may be at them now.
    await connection.fetch(
        "SELECT chunk_id FROM embedding_queue WHERE chunk_id = ANY(%s) ORDER BY chunk_id FOR UPDATE", (ids,)
    )
    await connection.fetch(_STORE, {"ids": ids, "vectors": [to_literal(vector) for vector in vectors]})
    await connection.fetch("DELETE FROM embedding_queue WHERE chunk_id = ANY(%s)", (ids,))


_STORE = """
    UPDATE chunks SET embedding = new.embedding::vector
    FROM unnest(%(ids)s::bigint[], %(vectors)s::text[]) AS new (id, embedding) WHERE chunks.id = new.id"""

_DESCRIBE = """
    UPDATE documents d SET metadata = new.metadata, updated_at = now()
    FROM unnest(%(ids)s::bigint[], %(metadata)s::jsonb[]) AS new (id, metadata)
    WHERE d.id = new.id AND d.metadata <> new.metadata"""
