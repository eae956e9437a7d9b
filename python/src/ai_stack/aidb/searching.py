"""From a search request to its page of results, with or without vectors."""

import time

from ai_stack.aidb.embeddings import Embeddings
from ai_stack.aidb.errors import ModelMismatch
from ai_stack.aidb.search import ChunkSearch, Hit, Page
from ai_stack.aidb.search_schemas import SearchHit, SearchRequest, SearchResult, VectorSearchRequest
from ai_stack.aidb.vectors import Vectors, to_vectors
from ai_stack.service.errors import BadRequest
from ai_stack.service.logs import get_logger
from ai_stack.service.resilience import DependencyError
from ai_stack.service.tracing import span

log = get_logger(__name__)


class Searching:
    """Answers searches.

    Args:
        chunks: finds them.
        embeddings: makes the vectors of queries.
    """

    def __init__(self, chunks: ChunkSearch, embeddings: Embeddings) -> None:
        self._chunks = chunks
        self._embeddings = embeddings

    async def by_vector(self, request: VectorSearchRequest) -> SearchResult:
        """Search by meaning alone.

        Raises:
            BadRequest: the given vector cannot be compared.
            ModelMismatch, DependencyError: there is no vector to search with, or PostgreSQL failed.
        """
        started = time.perf_counter()
        with span(
            "aidb.search_vectors",
            limit=request.limit,
            project=request.project or "",
            embedding_supplied=request.embedding is not None,
        ):
            vector = await self._vector(request.query, request.embedding)
            page = await self._chunks.by_vector(
                vector,
                project=request.project,
                limit=request.limit,
                offset=request.offset,
                min_score=request.min_score,
            )
        return _result(page, request, started, mode="vector", degraded=False)

    async def by_rank(self, request: SearchRequest) -> SearchResult:
        """Search by keywords, meaning, or both. A hybrid search goes on without vectors where there are none.

        Raises:
            BadRequest, ModelMismatch, DependencyError: as `by_vector`; in hybrid mode only PostgreSQL's failures.
        """
        started = time.perf_counter()
        degraded = False
        vector = None
        with span(
            "aidb.search_keywords" if request.mode == "keyword" else "aidb.search_vectors",
            mode=request.mode,
            limit=request.limit,
            project=request.project or "",
            embedding_supplied=request.embedding is not None,
        ):
            if request.mode != "keyword":
                try:
                    vector = await self._vector(request.query, request.embedding)
                except (ModelMismatch, DependencyError) as error:
                    if request.mode == "vector":
                        raise
                    degraded = True
                    log.warning("search.degraded", reason=str(error))
            page = await self._chunks.by_rank(
                None if request.mode == "vector" else request.query,
                vector,
                project=request.project,
                limit=request.limit,
                offset=request.offset,
            )
        return _result(page, request, started, mode=request.mode, degraded=degraded)

    async def _vector(self, query: str | None, embedding: list[float] | None) -> Vectors:
        if embedding is None:
            assert query is not None
            return await self._embeddings.embed_query(query)
        try:
            vector: Vectors = to_vectors([embedding], count=1)[0]
        except ValueError as error:
            raise BadRequest(f"embedding: {error}") from None
        self._embeddings.require_no_conflict()
        return vector


def _result(
    page: Page, request: VectorSearchRequest | SearchRequest, started: float, *, mode: str, degraded: bool
) -> SearchResult:
    return SearchResult.model_validate(
        {
            "results": [_hit(hit) for hit in page.hits],
            "total": page.total,
            "offset": request.offset,
            "limit": request.limit,
            "has_more": request.offset + len(page.hits) < page.total,
            "query_time_ms": round((time.perf_counter() - started) * 1000, 3),
            "mode": mode,
            "degraded": degraded,
        }
    )


def _hit(hit: Hit) -> SearchHit:
    return SearchHit(
        id=hit.id,
        document_id=hit.document_id,
        chunk_id=hit.id,
        position=hit.position,
        project=hit.project,
        path=hit.path,
        relative_path=hit.path,
        title=hit.title,
        heading=hit.heading,
        content=hit.content,
        score=round(hit.score, 6),
        distance=hit.distance,
        metadata=hit.metadata,
    )
