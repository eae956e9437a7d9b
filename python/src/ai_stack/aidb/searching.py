"""From a search request to its page of results, with or without vectors."""

import time

from ai_stack.aidb import presenting
from ai_stack.aidb.embeddings import Embeddings
from ai_stack.aidb.errors import ModelMismatch
from ai_stack.aidb.lexicon import Lexicon, Wanted
from ai_stack.aidb.search import ChunkSearch, Page, Range
from ai_stack.aidb.search_schemas import SearchRequest, SearchResult, VectorSearchRequest
from ai_stack.aidb.vectors import Vectors, to_vectors
from ai_stack.service.errors import BadRequest
from ai_stack.service.logs import get_logger
from ai_stack.service.metrics import ServiceMetrics
from ai_stack.service.resilience import DependencyError
from ai_stack.service.tracing import span

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

log = get_logger(__name__)


class Searching:
    """Answers searches.

    Args:
        chunks: finds them.
        lexicon: knows the words.
        embeddings: makes the vectors of queries.
        metrics: gets how long searches take and what became of them.
    """

    def __init__(self, chunks: ChunkSearch, lexicon: Lexicon, embeddings: Embeddings, metrics: ServiceMetrics) -> None:
        self._chunks = chunks
        self._lexicon = lexicon
        self._embeddings = embeddings
        self._seconds = metrics.histogram(
            "aidb_search_seconds", "Seconds that searches took, the query's vector included.", SECONDS
        )
        self._empty = metrics.counter("aidb_searches_empty_total", "Searches whose first page was empty.")
        self._degraded = metrics.counter("aidb_searches_degraded_total", "Hybrid searches that had no vector.")
        self._degraded.add({}, 0)
        for mode in ("vector", "keyword", "hybrid"):
            self._empty.add({"mode": mode}, 0)

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
            wanted = None if request.query is None else await self._lexicon.look_up(request.query)
            page = await self._near(request, wanted)
        return self._result(request, page, wanted, started, mode="vector", degraded=False)

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
            wanted = await self._lexicon.look_up(request.query)
            if request.mode == "vector":
                page = await self._near(request, wanted)
            else:
                if request.mode == "hybrid":
                    try:
                        vector = await self._vector(request)
                    except (ModelMismatch, DependencyError) as error:
                        degraded = True
                        self._degraded.inc({})
                        log.warning("search.degraded", reason=str(error))
                page = await self._chunks.by_rank(
                    wanted, vector, request.filters, _range(request), constraint=await self._constraint(request)
                )
        return self._result(request, page, wanted, started, mode=request.mode, degraded=degraded)

    async def _near(self, request: SearchRequest | VectorSearchRequest, wanted: Wanted | None) -> Page:
        vector = await self._vector(request)
        constraint = await self._constraint(request)
        return await self._chunks.by_vector(vector, wanted, request.filters, _range(request), constraint=constraint)

    async def _constraint(self, request: SearchRequest | VectorSearchRequest) -> str | None:
        if request.syntax == "plain" or request.query is None:
            return None
        return await self._chunks.constraint(request.query)

    async def _vector(self, request: SearchRequest | VectorSearchRequest) -> Vectors:
        if request.embedding is None:
            assert request.query is not None
            return await self._embeddings.embed_query(request.query)
        try:
            vector: Vectors = to_vectors([request.embedding], count=1)[0]
        except ValueError as error:
            raise BadRequest(f"embedding: {error}") from None
        self._embeddings.require_no_conflict()
        return vector

    def _result(
        self,
        request: SearchRequest | VectorSearchRequest,
        page: Page,
        wanted: Wanted | None,
        started: float,
        *,
        mode: str,
        degraded: bool,
    ) -> SearchResult:
        seconds = time.perf_counter() - started
        self._seconds.observe({"mode": mode}, seconds)
        if not page.hits and not request.offset:
            self._empty.inc({"mode": mode})
        return presenting.result(request, page, wanted, seconds=seconds, mode=mode, degraded=degraded)


def _range(request: SearchRequest | VectorSearchRequest) -> Range:
    return Range(request.limit, request.offset, request.min_score)
