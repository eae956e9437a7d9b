"""Documents and chunks in PostgreSQL: storing, listing, deleting."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ai_stack.aidb.database import Connection, Database, Row
from ai_stack.aidb.epoch import next_epoch
from ai_stack.aidb.storing import NewDocument, Status, StoredDocument, forget_queued, store_documents

#: A page of a listing holds at most this much content, and one document more.
MAX_PAGE_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class DocumentRecord:
    """A document as it is listed. `content` is None where it was not asked for."""

    id: int
    project: str
    path: str
    title: str
    content_type: str
    content_hash: str
    size_bytes: int
    metadata: dict[str, Any]
    status: str
    created_at: datetime
    updated_at: datetime
    chunks: int
    chunks_embedded: int
    content: str | None


@dataclass(frozen=True, slots=True)
class DocumentPage:
    """Part of a listing: some of `total` documents, and whether there are `more` behind them."""

    documents: list[DocumentRecord]
    total: int
    more: bool


@dataclass(frozen=True, slots=True)
class Totals:
    """How much is stored."""

    projects: int
    documents: int
    chunks: int
    chunks_pending: int
    chunks_refused: int


class DocumentStore:
    """Documents and their chunks. All methods raise `DependencyError` when PostgreSQL fails.

    Args:
        database: where they are.
        write_timeout: seconds that storing or deleting may take.
    """

    def __init__(self, database: Database, *, write_timeout: float) -> None:
        self._database = database
        self._write_timeout = write_timeout

    async def store(self, documents: Sequence[NewDocument]) -> list[StoredDocument]:
        """Create or update documents, all or none, and queue their new chunks for embedding.

        A chunk that the new version has in common with the stored one keeps its vector.

        Args:
            documents: no two with the same project and path.

        Returns:
            the outcomes in the order of `documents`.

        Raises:
            Conflict: they are being changed by others so fast that there was no quiet moment.
        """

        async def work(connection: Connection) -> list[StoredDocument]:
            return await store_documents(connection, documents)

        return await self._database.transaction(work, idempotent=True, timeout=self._write_timeout)

    async def name_of(self, document_id: int) -> tuple[str, str] | None:
        """Return a document's project and path, which never change; None when there is none of this id."""
        rows = await self._database.fetch("SELECT project, path FROM documents WHERE id = %s", (document_id,))
        return (rows[0][0], rows[0][1]) if rows else None

    async def replace(self, document_id: int, new: NewDocument) -> StoredDocument | None:
        """Store a new version of the document with this id; return None when it is gone.

        Raises:
            Conflict: as `store`.
        """

        async def work(connection: Connection) -> StoredDocument | None:
            if not await connection.fetch("SELECT id FROM documents WHERE id = %s FOR UPDATE", (document_id,)):
                return None
            return (await store_documents(connection, [new]))[0]

        return await self._database.transaction(work, idempotent=True, timeout=self._write_timeout)

    async def list(
        self, *, project: str | None, status: Status | None, limit: int, after: int, include_content: bool
    ) -> DocumentPage:
        """Return one page of documents in the order of their ids.

        A page with content ends before `limit` where it would become too large (`MAX_PAGE_BYTES`).

        Args:
            project: only those of this project.
            status: only those of this status.
            limit: documents on the page.
            after: id of the last document of the page before; 0 for the first page.
            include_content: read the content as well.
        """
        rows = await self._database.fetch(
            _LIST.format(content="d.content" if include_content else "NULL"),
            {
                "project": project,
                "status": status,
                "limit": limit,
                "after": after,
                "max_bytes": MAX_PAGE_BYTES if include_content else None,
            },
        )
        total, last, *_ = rows[0]
        records = [_record(row[2:]) for row in rows if row[2] is not None]
        return DocumentPage(records, total, more=bool(records) and records[-1].id < last)

    async def get(self, document_id: int) -> DocumentRecord | None:
        """Return a document with its content, None when there is none of this id."""
        rows = await self._database.fetch(_GET, {"id": document_id})
        return _record(rows[0]) if rows else None

    async def delete(self, document_id: int) -> bool:
        """Delete a document with its chunks and vectors. Returns whether there was one."""

        async def work(connection: Connection) -> bool:
            # In the order of `store`: document first, then its chunks.
            if not await connection.fetch("SELECT id FROM documents WHERE id = %s FOR UPDATE", (document_id,)):
                return False
            rows = await connection.fetch("SELECT id FROM chunks WHERE document_id = %s", (document_id,))
            await connection.fetch("DELETE FROM documents WHERE id = %s", (document_id,))
            await forget_queued(connection, [row[0] for row in rows])
            await next_epoch(connection)
            return True

        return await self._database.transaction(work, timeout=self._write_timeout)

    async def pending(self, document_ids: Sequence[int]) -> set[int]:
        """Return those of the documents that have chunks without a vector."""
        rows = await self._database.fetch(
            "SELECT DISTINCT document_id FROM chunks WHERE document_id = ANY(%s) AND embedding IS NULL",
            (list(document_ids),),
        )
        return {row[0] for row in rows}

    async def totals(self) -> Totals:
        """Count what is stored."""
        rows = await self._database.fetch(
            "SELECT (SELECT count(DISTINCT project) FROM documents), (SELECT count(*) FROM documents),"
            " (SELECT count(*) FROM chunks), count(*) FILTER (WHERE error IS NULL),"
            " count(*) FILTER (WHERE error IS NOT NULL) FROM embedding_queue"
        )
        return Totals(*rows[0])


_COLUMNS = """
    d.id, d.project, d.path, d.title, d.content_type, encode(d.content_hash, 'hex'), d.size_bytes, d.metadata,
    d.status, d.created_at, d.updated_at,
    (SELECT count(*) FROM chunks c WHERE c.document_id = d.id),
    (SELECT count(*) FROM chunks c WHERE c.document_id = d.id AND c.embedding IS NOT NULL)"""

# The total comes with every row, and alone when the page is empty.
_LIST = f"""
    SELECT total.documents, total.last, page.*
    FROM (SELECT count(*) AS documents, max(id) AS last FROM documents
          WHERE (%(project)s IS NULL OR project = %(project)s)
              AND (%(status)s IS NULL OR status = %(status)s)) AS total
    LEFT JOIN (SELECT {_COLUMNS}, {{content}}
               FROM (SELECT *, sum(size_bytes) OVER (ORDER BY id) - size_bytes AS before
                     FROM (SELECT * FROM documents
                           WHERE (%(project)s IS NULL OR project = %(project)s)
                               AND (%(status)s IS NULL OR status = %(status)s) AND id > %(after)s
                           ORDER BY id LIMIT %(limit)s) AS first) AS d
               WHERE %(max_bytes)s IS NULL OR before < %(max_bytes)s) AS page ON true
    ORDER BY page.id"""  # noqa: S608 - made of constants

_GET = f"SELECT {_COLUMNS}, d.content FROM documents d WHERE d.id = %(id)s"  # noqa: S608 - made of constants


def _record(row: Row) -> DocumentRecord:
    return DocumentRecord(*row)
