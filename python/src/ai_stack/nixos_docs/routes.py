"""HTTP routes of nixos-docs: documentation, and the index itself."""

from aiohttp import web

from ai_stack.nixos_docs.keys import ANSWER_CACHE, ANSWERS, LIBRARY, SEMANTIC
from ai_stack.nixos_docs.library import FAILURES
from ai_stack.nixos_docs.models import (
    CacheStats,
    ClearQuery,
    ClearResponse,
    IndexStats,
    SearchRequest,
    SearchResponse,
    SourceItem,
    SourcesResponse,
    StatsResponse,
    SyncResponse,
)
from ai_stack.nixos_docs.opening import IndexInfo
from ai_stack.service.app import SERVICE
from ai_stack.service.endpoint import Endpoint, endpoint
from ai_stack.service.errors import Unprocessable


@endpoint(
    "POST",
    "/search",
    scope="read",
    body=SearchRequest,
    response=SearchResponse,
    errors=(503, 504),
    summary="Search the documentation",
    tags=("search",),
)
async def search(request: web.Request, body: SearchRequest) -> web.Response:
    """Find the sections that are most about a question. No hits is an empty list; an error never is."""
    answer = await request.app[ANSWERS].search_docs(body.query, body.limit, body.sources or None)
    return web.Response(body=answer, content_type="application/json")


@endpoint(
    "GET",
    "/sources",
    scope="read",
    response=SourcesResponse,
    errors=(503,),
    summary="List the sources in the index",
    tags=("index",),
)
async def sources(request: web.Request) -> SourcesResponse:
    """What is in the index, with the number of files and sections of each source."""
    items = [
        SourceItem(
            id=source.name,
            name=source.title,
            type=source.kind,
            web_url=source.web_url or None,
            files=source.files,
            sections=source.sections,
        )
        for source in request.app[LIBRARY].pool().info.sources
    ]
    return SourcesResponse(total=len(items), sources=items)


@endpoint(
    "POST",
    "/sync",
    scope="admin",
    rate="ingest",
    response=SyncResponse,
    errors=(409, 422),
    summary="Renew the index",
    tags=("index",),
    # A large set of documents may take longer to index than a request otherwise may.
    streaming=True,
)
async def sync(request: web.Request) -> SyncResponse:
    """Build the index anew from the configured files (without any: open its file again) and switch to it.

    Searches go on meanwhile. When the new index is refused, the one in use stays.
    """
    try:
        report = await request.app[LIBRARY].sync()
    except FAILURES as error:
        raise Unprocessable("the index cannot be renewed; the log says why") from error
    request.app[SERVICE].health.mark_ready()
    return SyncResponse(
        status="built" if report.built else "opened",
        changed=report.changed,
        duration_seconds=round(report.seconds, 3),
        index=_stats(report.info),
    )


@endpoint(
    "GET",
    "/cache/stats",
    scope="read",
    response=StatsResponse,
    errors=(503,),
    summary="Describe the index in use and the caches",
    tags=("index",),
)
async def cache_stats(request: web.Request) -> StatsResponse:
    """Size, content and age of the index, its vectors, and the answers and vectors that are remembered."""
    answers = request.app[ANSWER_CACHE]
    semantic = request.app[SEMANTIC]
    return StatsResponse(
        index=_stats(request.app[LIBRARY].pool().info),
        vectors=semantic.stats(),
        caches={
            "answers": CacheStats(entries=len(answers), bytes=answers.bytes, hits=answers.hits, misses=answers.misses),
            "query-vectors": semantic.cache_stats(),
        },
    )


@endpoint(
    "DELETE",
    "/cache",
    scope="admin",
    query=ClearQuery,
    response=ClearResponse,
    summary="Forget what is remembered",
    tags=("index",),
)
async def clear_cache(request: web.Request, query: ClearQuery) -> ClearResponse:
    """Drop remembered answers, vectors of questions, or both. The index and its own vectors stay."""
    clear = {"answers": request.app[ANSWER_CACHE].clear, "query-vectors": request.app[SEMANTIC].clear}
    return ClearResponse(cleared={name: forget() for name, forget in clear.items() if query.namespace in (None, name)})


def _stats(info: IndexInfo) -> IndexStats:
    return IndexStats(
        bytes=info.size_bytes,
        documents=info.documents,
        sections=info.sections,
        options=info.options,
        packages=info.packages,
        release=info.release,
        built_at=info.built_at,
        content_digest=info.content_digest,
    )


ROUTES: tuple[Endpoint, ...] = (search, sources, sync, cache_stats, clear_cache)
