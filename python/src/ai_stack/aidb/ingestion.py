"""From a request to a stored document: check, cut, store, wait for vectors."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath

from ai_stack.aidb.chunking import UNTITLED_TYPES, chunk_document, content_type_of
from ai_stack.aidb.documents import DocumentStore
from ai_stack.aidb.embedder import Embedder
from ai_stack.aidb.pdf import PdfReader
from ai_stack.aidb.schemas import (
    MAX_TITLE_CHARS,
    BatchResult,
    DocumentContent,
    DocumentRequest,
    DocumentResult,
    RefusedDocument,
)
from ai_stack.aidb.secret_scan import find_secret
from ai_stack.aidb.storing import NewDocument, StoredDocument
from ai_stack.aidb.telemetry import Telemetry
from ai_stack.service.errors import NotFound, PayloadTooLarge, ServiceError, Unprocessable
from ai_stack.service.logs import get_logger
from ai_stack.service.tracing import in_context, span

log = get_logger(__name__)


class Ingestion:
    """Stores documents.

    Args:
        documents: where they go.
        embedder: gives them vectors.
        telemetry: is told what was stored.
        pdf: reads what is no text.
        executor: threads that cut documents, so that a large one does not keep the event loop.
        max_document_bytes: largest content in UTF-8.
        chunk_tokens: size limit of a chunk.
        embed_wait: seconds that `store_one` waits for vectors.
    """

    def __init__(
        self,
        documents: DocumentStore,
        embedder: Embedder,
        telemetry: Telemetry,
        pdf: PdfReader,
        executor: ThreadPoolExecutor,
        *,
        max_document_bytes: int,
        chunk_tokens: int,
        embed_wait: float,
    ) -> None:
        self._documents = documents
        self._embedder = embedder
        self._telemetry = telemetry
        self._pdf = pdf
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
        new = await self._accepted(request)
        stored = (await self._store([new]))[0]
        pending = await self._embedder.wait([stored.id], self._embed_wait)
        return _result(new, stored, embedded=not pending)

    async def replace(self, document_id: int, body: DocumentContent) -> DocumentResult:
        """Store a new version of the document with this id, and wait a moment for its vectors.

        Raises:
            NotFound: there is no such document.
            PayloadTooLarge, Unprocessable, DependencyError: as `store_one`.
        """
        name = await self._documents.name_of(document_id)
        if name is None:
            raise NotFound("there is no such document")
        fields = {key: getattr(body, key) for key in body.model_fields_set}
        request = DocumentRequest.model_validate(fields | {"project": name[0], "path": name[1]})
        new = await self._accepted(request)
        stored = await self._documents.replace(document_id, new)
        if stored is None:
            raise NotFound("there is no such document")
        self._telemetry.record("documents", {stored.change: 1})
        self._embedder.wake()
        pending = await self._embedder.wait([stored.id], self._embed_wait)
        return _result(new, stored, embedded=not pending)

    async def store_batch(self, requests: Sequence[DocumentRequest]) -> BatchResult:
        """Store those of several documents that are acceptable, in one transaction. Vectors follow later.

        Raises:
            DependencyError: PostgreSQL failed; nothing is stored.
        """
        prepared = await self.prepare(requests)
        new = [document for document in prepared if isinstance(document, NewDocument)]
        if len(new) < len(prepared):
            self._telemetry.record("documents", {"refused": len(prepared) - len(new)})
        stored = await self._store(new) if new else []
        pending = await self._embedder.wait([document.id for document in stored], 0.0)
        outcomes = iter(stored)
        results: list[DocumentResult | RefusedDocument] = []
        for request, document in zip(requests, prepared, strict=True):
            if isinstance(document, NewDocument):
                outcome = next(outcomes)
                results.append(_result(document, outcome, embedded=outcome.id not in pending))
            else:
                results.append(RefusedDocument(project=request.project, path=request.name, error=document.message))
        return BatchResult(
            results=results,
            stored=len(stored),
            refused=len(requests) - len(stored),
            chunks=sum(document.chunks for document in stored),
        )

    async def prepare(self, requests: Sequence[DocumentRequest]) -> list[NewDocument | ServiceError]:
        """Check and cut documents; for one that is refused return the reason in its place."""
        with span("aidb.chunk_documents", document_count=len(requests)):
            texts = [await self._pdf.decoded(request) for request in requests]
            cut = in_context(lambda: [self._prepare(text) for text in texts])
            return await asyncio.get_running_loop().run_in_executor(self._executor, cut)

    def _prepare(self, request: DocumentRequest | ServiceError) -> NewDocument | ServiceError:
        if isinstance(request, ServiceError):
            return request
        if len(request.content.encode()) > self._max_document_bytes:
            return PayloadTooLarge(f"content: at most {self._max_document_bytes} bytes in UTF-8")
        if not request.content.strip():
            return Unprocessable("content: must not be blank")
        if not request.allow_secrets and (secret := find_secret(request.content)):
            return Unprocessable(
                f"content: line {secret.line} seems to hold {secret.kind}; take it out, or set allow_secrets"
            )
        return self._cut(request)

    def _cut(self, request: DocumentRequest) -> NewDocument:
        content_type = request.content_type or content_type_of(request.name)
        chunks = chunk_document(request.content, content_type, max_tokens=self._chunk_tokens)
        title = request.title
        if title is None and content_type not in UNTITLED_TYPES:
            title = next((chunk.headings[0] for chunk in chunks if chunk.headings), None)
        return NewDocument(
            project=request.project,
            path=request.name,
            title=(title or PurePosixPath(request.name).name or request.name)[:MAX_TITLE_CHARS],
            content_type=content_type,
            content=request.content,
            metadata=dict(request.metadata),
            status=request.status,
            chunks=chunks,
        )

    async def _store(self, new: Sequence[NewDocument]) -> list[StoredDocument]:
        stored = await self._documents.store(new)
        self._embedder.wake()
        changes: Counter[str] = Counter(document.change for document in stored)
        self._telemetry.record("documents", changes)
        log.info(
            "documents.stored",
            created=changes["created"],
            updated=changes["updated"],
            unchanged=changes["unchanged"],
            chunks=sum(document.chunks for document in stored),
        )
        return stored

    async def _accepted(self, request: DocumentRequest) -> NewDocument:
        prepared = (await self.prepare([request]))[0]
        if isinstance(prepared, ServiceError):
            self._telemetry.record("documents", {"refused": 1})
            raise prepared
        return prepared


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
            "changed": list(stored.changed),
            "chunks": stored.chunks,
            "chunks_added": stored.chunks_added,
            "chunks_removed": stored.chunks_removed,
            "embedded": embedded,
        }
    )
