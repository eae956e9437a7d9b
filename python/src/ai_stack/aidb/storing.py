"""Storing documents: one statement for all rows of a kind, whatever their number."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from psycopg2.extras import Json

from ai_stack.aidb.chunking import Chunk
from ai_stack.aidb.database import Connection
from ai_stack.aidb.epoch import next_epoch
from ai_stack.service.errors import Conflict

Change = Literal["created", "updated", "unchanged"]
Status = Literal["approved", "pending", "rejected"]

#: Between the titles of a heading path.
HEADING_SEPARATOR = " > "
# A document that appears or vanishes between two statements makes one more round necessary.
_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class NewDocument:
    """A document to be stored, with its chunks."""

    project: str
    path: str
    title: str
    content_type: str
    content: str
    metadata: dict[str, Any]
    status: Status
    chunks: Sequence[Chunk]

    @property
    def content_hash(self) -> bytes:
        """SHA-256 of the content."""
        return hashlib.sha256(self.content.encode()).digest()

    def heading_of(self, chunk: Chunk) -> str:
        """Return the titles above a chunk, the document's own first."""
        titles = chunk.headings if chunk.headings[:1] == (self.title,) else (self.title, *chunk.headings)
        return HEADING_SEPARATOR.join(titles)


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """What storing a document came to.

    Attributes:
        id: of the document.
        change: what happened to it.
        changed: fields of an updated document that were different before.
        chunks: that it has now.
        chunks_added: of these, those that are new and get a vector.
        chunks_removed: that it had before and has no more.
    """

    id: int
    change: Change
    changed: tuple[str, ...]
    chunks: int
    chunks_added: int
    chunks_removed: int


@dataclass(frozen=True, slots=True)
class _Upserted:
    id: int
    change: Change
    changed: tuple[str, ...] = ()


async def store_documents(connection: Connection, documents: Sequence[NewDocument]) -> list[StoredDocument]:
    """Create or update documents and queue their new chunks for embedding, in the transaction that is open.

    Args:
        connection: in a transaction that ends after this, since a new epoch begins (`next_epoch`).
        documents: no two with the same project and path.

    Raises:
        Conflict: they are being changed by others so fast that there was no quiet moment.
    """
    upserted = await _upsert(connection, documents)
    added, removed = await _replace_chunks(connection, documents, upserted)
    if any(outcome.change != "unchanged" for outcome in upserted):
        await next_epoch(connection)
    return [
        StoredDocument(
            outcome.id,
            outcome.change,
            outcome.changed,
            len(document.chunks),
            added[outcome.id],
            removed[outcome.id],
        )
        for document, outcome in zip(documents, upserted, strict=True)
    ]


async def forget_queued(connection: Connection, chunk_ids: Sequence[int]) -> None:
    """Take chunks that are gone out of the queue."""
    await connection.fetch(_FORGET_QUEUED, (list(chunk_ids),))


async def _upsert(connection: Connection, documents: Sequence[NewDocument]) -> list[_Upserted]:
    """Write the rows of `documents`, lock them, and say what happened to each.

    Rows are taken in the order of their keys, so that two calls with documents in common cannot deadlock.
    """
    outcome: dict[tuple[str, str], _Upserted] = {}
    missing = {(document.project, document.path): document for document in documents}
    for _ in range(_ROUNDS):
        batch = list(missing.values())
        for id_, project, path in await connection.fetch(_INSERT_DOCUMENTS, _document_arrays(batch)):
            outcome[project, path] = _Upserted(id_, "created")
            del missing[project, path]
        if missing:
            keys = list(missing)
            arrays = {"projects": [key[0] for key in keys], "paths": [key[1] for key in keys]}
            stale: list[NewDocument] = []
            for id_, project, path, *state in await connection.fetch(_LOCK_DOCUMENTS, arrays):
                document = missing.pop((project, path))
                changed = _differences(document, state)
                outcome[project, path] = _Upserted(id_, "updated" if changed else "unchanged", changed)
                if changed:
                    stale.append(document)
            if stale:
                await connection.fetch(_UPDATE_DOCUMENTS, _document_arrays(stale))
        if not missing:
            return [outcome[document.project, document.path] for document in documents]
    raise Conflict("the documents are being deleted by another request")


def _differences(document: NewDocument, stored: Sequence[Any]) -> tuple[str, ...]:
    fields = {
        "title": document.title,
        "content_type": document.content_type,
        "content": document.content_hash.hex(),
        "metadata": document.metadata,
        "status": document.status,
    }
    return tuple(name for (name, new), old in zip(fields.items(), stored, strict=True) if new != old)


def _document_arrays(documents: Sequence[NewDocument]) -> dict[str, Any]:
    return {
        "projects": [document.project for document in documents],
        "paths": [document.path for document in documents],
        "titles": [document.title for document in documents],
        "content_types": [document.content_type for document in documents],
        "hashes": [document.content_hash.hex() for document in documents],
        "sizes": [len(document.content.encode()) for document in documents],
        "metadata": [Json(document.metadata) for document in documents],
        "statuses": [document.status for document in documents],
        "contents": [document.content for document in documents],
    }


_NEW_DOCUMENTS = """unnest(
    %(projects)s::text[], %(paths)s::text[], %(titles)s::text[], %(content_types)s::text[], %(hashes)s::text[],
    %(sizes)s::integer[], %(metadata)s::jsonb[], %(statuses)s::text[], %(contents)s::text[]
) AS new (project, path, title, content_type, content_hash, size_bytes, metadata, status, content)"""

_INSERT_DOCUMENTS = f"""
    INSERT INTO documents (project, path, title, content_type, content_hash, size_bytes, metadata, status, content)
    SELECT project, path, title, content_type, decode(content_hash, 'hex'), size_bytes, metadata, status, content
    FROM {_NEW_DOCUMENTS} ORDER BY project, path
    ON CONFLICT (project, path) DO NOTHING RETURNING id, project, path"""  # noqa: S608 - made of constants

_LOCK_DOCUMENTS = """
    SELECT d.id, d.project, d.path, d.title, d.content_type, encode(d.content_hash, 'hex'), d.metadata, d.status
    FROM documents d JOIN unnest(%(projects)s::text[], %(paths)s::text[]) AS key (project, path)
        ON d.project = key.project AND d.path = key.path
    ORDER BY d.project, d.path FOR UPDATE OF d"""

_UPDATE_DOCUMENTS = f"""
    UPDATE documents d SET title = new.title, content_type = new.content_type,
        content_hash = decode(new.content_hash, 'hex'), size_bytes = new.size_bytes, metadata = new.metadata,
        status = new.status, content = new.content, updated_at = now()
    FROM {_NEW_DOCUMENTS} WHERE d.project = new.project AND d.path = new.path"""  # noqa: S608 - made of constants


async def _replace_chunks(
    connection: Connection, documents: Sequence[NewDocument], upserted: Sequence[_Upserted]
) -> tuple[Counter[int], Counter[int]]:
    """Give every document that is not unchanged its chunks; those that it had already only move.

    Returns:
        how many chunks each document got, and how many it lost, by its id.
    """
    changed = [
        (outcome.id, document)
        for document, outcome in zip(documents, upserted, strict=True)
        if outcome.change != "unchanged"
    ]
    updated = [outcome.id for outcome in upserted if outcome.change == "updated"]
    reusable: defaultdict[tuple[int, bytes], list[int]] = defaultdict(list)
    if updated:
        rows = await connection.fetch(
            "SELECT document_id, content_hash, id FROM chunks WHERE document_id = ANY(%s) ORDER BY id DESC", (updated,)
        )
        for document_id, content_hash, chunk_id in rows:
            reusable[document_id, bytes(content_hash)].append(chunk_id)
    moved: dict[str, list[Any]] = {"ids": [], "positions": []}
    new: defaultdict[str, list[Any]] = defaultdict(list)
    for id_, document in changed:
        for position, chunk in enumerate(document.chunks):
            heading = document.heading_of(chunk)
            content_hash = hashlib.sha256(f"{heading}\0{chunk.text}".encode()).digest()
            if same := reusable.get((id_, content_hash)):
                moved["ids"].append(same.pop())
                moved["positions"].append(position)
                continue
            new["document_ids"].append(id_)
            new["positions"].append(position)
            new["headings"].append(heading)
            new["contents"].append(chunk.text)
            new["hashes"].append(content_hash.hex())
            new["tokens"].append(chunk.tokens)
            new["characters"].append(len(chunk.text))
    removed = Counter(dict.fromkeys(updated, 0))
    for (document_id, _), ids in reusable.items():
        removed[document_id] += len(ids)
    gone = [chunk_id for ids in reusable.values() for chunk_id in ids]
    if gone:
        await connection.fetch("DELETE FROM chunks WHERE id = ANY(%s)", (gone,))
        await forget_queued(connection, gone)
    if moved["ids"]:
        await connection.fetch(_MOVE_CHUNKS, moved)
    if new:
        await connection.fetch(_INSERT_CHUNKS, new)
    return Counter(new["document_ids"]), removed


# What is being embedded now is locked; its worker finds the chunk gone and forgets it. Waiting for that would make this
# as slow as the model.
_FORGET_QUEUED = """
    DELETE FROM embedding_queue WHERE chunk_id = ANY(ARRAY(
        SELECT chunk_id FROM embedding_queue WHERE chunk_id = ANY(%s::bigint[]) FOR UPDATE SKIP LOCKED))"""

_MOVE_CHUNKS = """
    UPDATE chunks SET position = moved.position
    FROM unnest(%(ids)s::bigint[], %(positions)s::integer[]) AS moved (id, position)
    WHERE chunks.id = moved.id AND chunks.position <> moved.position"""

_INSERT_CHUNKS = """
    WITH inserted AS (
        INSERT INTO chunks (document_id, position, heading, content, content_hash, token_count, char_count)
        SELECT document_id, position, heading, content, decode(content_hash, 'hex'), token_count, char_count
        FROM unnest(
            %(document_ids)s::bigint[], %(positions)s::integer[], %(headings)s::text[], %(contents)s::text[],
            %(hashes)s::text[], %(tokens)s::integer[], %(characters)s::integer[]
        ) AS new (document_id, position, heading, content, content_hash, token_count, char_count)
        RETURNING id
    ),
    for_the_next_model AS (
        INSERT INTO reembedding_queue (chunk_id) SELECT id FROM inserted WHERE EXISTS (SELECT FROM model_change))
    INSERT INTO embedding_queue (chunk_id) SELECT id FROM inserted"""
