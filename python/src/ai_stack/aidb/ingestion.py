"""From a request to a stored document: check, cut, store, wait for vectors."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath

from ai_stack.aidb.chunking import chunk_document, content_type_of
from ai_stack.aidb.documents import DocumentStore
from ai_stack.aidb.embedder import Embedder
from ai_stack.aidb.schemas import BatchResult, DocumentRequest, DocumentResult, RefusedDocument
from ai_stack.aidb.storing import NewDocument, StoredDocument
from ai_stack.service.errors import PayloadTooLarge, ServiceError, Unprocessable
from ai_stack.service.logs import get_logger
from ai_stack.service.tracing import in_context, span

MAX_TITLE_CHARS = 512

log = get_logger(__name__)


class Ingestion:
    """Stores documents.

    Args:
        documents: where they go.
        embedder: gives them vectors.
        executor: threads that cut documents, so that a large one does not keep the event loop.
        max_document_bytes: largest content in UTF-8.
        chunk_tokens: size limit of a chunk.
        embed_wait: seconds that `store_one` waits for vectors.
    """

    def __init__(
        self,
        documents: DocumentStore,
        embedder: Embedder,
        executor: ThreadPoolExecutor,
        *,
        max_document_bytes: int,
        chunk_tokens: int,
        embed_wait: float,
    ) -> None:
        self._documents = documents
        self._embedder = embedder
        self._executor = executor
        self._max_document_bytes = max_document_bytes
        self._chunk_tokens = chunk_tokens
        self._embed_wait = embed_wait

    async def store_one(self, request: DocumentRequest) -> DocumentResult:
        """Store a document and wait a moment for its vectors.

        Raises:
            PayloadTooLarge, Unprocessable: it is refused.
            DependencyError: PostgreSQL failed.
        """
        self._check(request)
        new = await self._prepare([request])
        stored = await self._store(new)
        pending = await self._embedder.wait([stored[0].id], self._embed_wait)
        return _result(new[0], stored[0], embedded=not pending)

    async def store_batch(self, requests: Sequence[DocumentRequest]) -> BatchResult:
        """Store those of several documents that are acceptable, in one transaction. Vectors follow later.

        Raises:
            DependencyError: PostgreSQL failed; nothing is stored.
        """
        refused: dict[int, RefusedDocument] = {}
        for index, request in enumerate(requests):
            try:
                self._check(request)
            except ServiceError as error:
                refused[index] = RefusedDocument(project=request.project, path=request.name, error=error.message)
        new = await self._prepare([request for index, request in enumerate(requests) if index not in refused])
        stored = await self._store(new) if new else []
        pending = await self._embedder.wait([document.id for document in stored], 0.0)
        accepted = iter(
            [
                _result(document, outcome, embedded=outcome.id not in pending)
                for document, outcome in zip(new, stored, strict=True)
            ]
        )
        return BatchResult(
            results=[refused[index] if index in refused else next(accepted) for index in range(len(requests))],
            stored=len(stored),
            refused=len(refused),
            chunks=sum(document.chunks for document in stored),
        )

    def _check(self, request: DocumentRequest) -> None:
        if len(request.content.encode()) > self._max_document_bytes:
            raise PayloadTooLarge(f"content: at most {self._max_document_bytes} bytes in UTF-8")
        if not request.content.strip():
            raise Unprocessable("content: must not be blank")

    async def _prepare(self, requests: Sequence[DocumentRequest]) -> list[NewDocument]:
        with span("aidb.chunk_documents", document_count=len(requests)):
            cut = in_context(lambda: [self._cut(request) for request in requests])
            return await asyncio.get_running_loop().run_in_executor(self._executor, cut)

    def _cut(self, request: DocumentRequest) -> NewDocument:
        content_type = request.content_type or content_type_of(request.name)
        chunks = chunk_document(request.content, content_type, max_tokens=self._chunk_tokens)
        title = request.title or next((chunk.headings[0] for chunk in chunks if chunk.headings), None)
        return NewDocument(
            project=request.project,
            path=request.name,
            title=(title or PurePosixPath(request.name).name or request.name)[:MAX_TITLE_CHARS],
            content_type=content_type,
            content=request.content,
            metadata=dict(request.metadata),
            chunks=chunks,
        )

    async def _store(self, new: Sequence[NewDocument]) -> list[StoredDocument]:
        stored = await self._documents.store(new)
        self._embedder.wake()
        changes = [document.change for document in stored]
        log.info(
            "documents.stored",
            created=changes.count("created"),
            updated=changes.count("updated"),
            unchanged=changes.count("unchanged"),
            chunks=sum(document.chunks for document in stored),
        )
        return stored


def _result(document: NewDocument, stored: StoredDocument, *, embedded: bool) -> DocumentResult:
    return DocumentResult.model_validate(
        {
            "id": stored.id,
            "project": document.project,
            "path": document.path,
            "relative_path": document.path,
            "title": document.title,
            "content_type": document.content_type,
            "change": stored.change,
            "chunks": stored.chunks,
            "embedded": embedded,
        }
    )
