"""HTTP routes of nixos-docs."""

import sqlite3
import time
from functools import partial

from aiohttp import web
from aioprometheus.collectors import Histogram

from ai_stack.nixos_docs.library import FAILURES, Library
from ai_stack.nixos_docs.models import (
    IndexStats,
    ResultMetadata,
    SearchRequest,
    SearchResponse,
    SearchResult,
    SourceItem,
    SourcesResponse,
    StatsResponse,
    SyncResponse,
)
from ai_stack.nixos_docs.opening import IndexInfo
from ai_stack.nixos_docs.pool import Expired
from ai_stack.nixos_docs.reader import Hit, IndexReader, SearchOutcome
from ai_stack.service.app import SERVICE
from ai_stack.service.endpoint import Endpoint, endpoint
from ai_stack.service.errors import BadRequest, Unavailable, Unprocessable
from ai_stack.service.logs import get_logger
from ai_stack.service.tracing import span

LIBRARY: web.AppKey[Library] = web.AppKey("library", Library)
SEARCH_SECONDS: web.AppKey[Histogram] = web.AppKey("search_seconds", Histogram)

log = get_logger(__name__)


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
async def search(request: web.Request, body: SearchRequest) -> SearchResponse:
    """Find the sections that are most about a question. No hits is an empty list; an error never is."""
    pool = request.app[LIBRARY].pool()
    sources = body.sources or None
    known = {source.name for source in pool.info.sources}
    for name in sources or ():
        if name not in known:
            raise BadRequest("sources: there is no such source; GET /sources lists them")
    begun = time.perf_counter()
    with span("nixos_docs.search", limit=body.limit, sources=sources):
        try:
            outcome = await pool.run(partial(_search, body.query, body.limit, sources))
        except sqlite3.Error as error:
            log.exception("index.unreadable", path=str(pool.info.path))
            raise Unavailable("the index cannot be read") from error
    request.app[SEARCH_SECONDS].observe({}, time.perf_counter() - begun)
    return SearchResponse(
        query=body.query,
        total=outcome.total,
        results=[_result(hit) for hit in outcome.hits],
        degraded=False,
        corrections=outcome.corrections,
    )


def _search(query: str, limit: int, sources: list[str] | None, reader: IndexReader, expired: Expired) -> SearchOutcome:
    return reader.search(query, limit=limit, sources=sources, expired=expired)


def _result(hit: Hit) -> SearchResult:
    return SearchResult(
        source=hit.source,
        path=hit.path,
        title=hit.title,
        heading=hit.heading,
        content=hit.content,
        url=hit.url,
        relevance=round(hit.relevance, 4),
        metadata=ResultMetadata(anchor=hit.anchor, line=hit.line, truncated=hit.truncated),
    )


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
    """Build the index anew from the configured directories (without any: open its file again) and switch to it.

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
    summary="Describe the index in use",
    tags=("index",),
)
async def cache_stats(request: web.Request) -> StatsResponse:
    """Size, content and age of the index."""
    return StatsResponse(index=_stats(request.app[LIBRARY].pool().info))


def _stats(info: IndexInfo) -> IndexStats:
    return IndexStats(
        bytes=info.size_bytes,
        documents=info.documents,
        sections=info.sections,
        built_at=info.built_at,
        content_digest=info.content_digest,
    )


ROUTES: tuple[Endpoint, ...] = (search, sources, sync, cache_stats)
