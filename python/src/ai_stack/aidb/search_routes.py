"""Routes of aidb about search. What they do is in `searching`."""

import time
from collections.abc import Awaitable, Callable

from aiohttp import web
from pydantic import BaseModel

from ai_stack.aidb import search_schemas as schemas
from ai_stack.aidb.embeddings import Embeddings
from ai_stack.aidb.resources import EMBEDDINGS, INDEXING, SEARCH_CACHE, SEARCHING, TELEMETRY
from ai_stack.service.endpoint import endpoint, json_response

#: Content may need six bytes in JSON for one of its own, and a vector takes about 8 KiB.
_INDEX_BODY_BYTES = 8 * 1024 * 1024


@endpoint(
    "POST",
    "/vector/embed",
    scope="read",
    body=schemas.EmbedRequest,
    response=schemas.EmbedResult,
    errors=(422, 503),
    summary="Embed texts",
    tags=("search",),
)
async def embed(request: web.Request, body: schemas.EmbedRequest) -> web.Response:
    """With the model of the stored vectors."""
    embeddings: Embeddings = request.app[EMBEDDINGS]
    vectors, model = await embeddings.consistently(lambda: embeddings.embed_texts(body.texts))
    return json_response(
        {"model": model.name, "revision": model.revision, "dimension": model.dimension, "embeddings": vectors}
    )


@endpoint(
    "POST",
    "/vector/index",
    scope="write",
    rate="ingest",
    body=schemas.IndexRequest,
    response=schemas.IndexResult,
    errors=(404, 409, 422, 503),
    summary="Index documents",
    tags=("search",),
    max_body_bytes=_INDEX_BODY_BYTES,
)
async def index(request: web.Request, body: schemas.IndexRequest) -> schemas.IndexResult:
    """Gives stored documents the vectors that they lack, and tries again what the model refused; all items or none.
    Whatever is stored is indexed by itself: this is for callers who bring vectors, or who want to wait."""
    return await request.app[INDEXING].index(body)


@endpoint(
    "POST",
    "/vector/search",
    scope="read",
    body=schemas.VectorSearchRequest,
    response=schemas.SearchResult,
    errors=(422, 503),
    summary="Search by meaning",
    tags=("search",),
)
async def search_vectors(request: web.Request, body: schemas.VectorSearchRequest) -> schemas.SearchResult:
    """Scores are cosine similarities, `total` counts at most 100. Answers 503 without a vector to search with."""
    return await _answer(request, "vector", body, lambda: request.app[SEARCHING].by_vector(body))


@endpoint(
    "POST",
    "/search",
    scope="read",
    body=schemas.SearchRequest,
    response=schemas.SearchResult,
    errors=(422, 503),
    summary="Search by keywords and meaning",
    tags=("search",),
)
async def search(request: web.Request, body: schemas.SearchRequest) -> schemas.SearchResult:
    """Scores are from 0 to 1: relevance by keywords and by meaning, each relative to the best. Without a vector to
    search with, a hybrid search uses keywords alone and says `degraded`. `total` counts what both lists hold, at most
    100 each."""
    return await _answer(request, "rank", body, lambda: request.app[SEARCHING].by_rank(body))


async def _answer(
    request: web.Request, kind: str, body: BaseModel, search: Callable[[], Awaitable[schemas.SearchResult]]
) -> schemas.SearchResult:
    """Answer from the cache where there is one; otherwise by one model for the query and for what is stored."""
    cached = True

    async def searched() -> schemas.SearchResult:
        nonlocal cached
        cached = False
        return await request.app[EMBEDDINGS].consistently(search)

    started = time.perf_counter()
    cache = request.app.get(SEARCH_CACHE)
    result = await searched() if cache is None else await cache.answer(kind, body, searched)
    request.app[TELEMETRY].record(
        "search",
        {"mode": result.mode, "degraded": result.degraded},
        latency_ms=(time.perf_counter() - started) * 1000,
        rag_hits=len(result.results),
        cache_hit=None if cache is None else cached,
    )
    return result


ROUTES = (embed, index, search_vectors, search)
