"""Routes of the collections of learned context."""

import asyncio

from aiohttp import web
from pydantic import BaseModel

from ai_stack.hybrid_coordinator.access import check_readable, readable
from ai_stack.hybrid_coordinator.collection_schemas import (
    CollectionInfo,
    CollectionList,
    NewBestPractice,
    NewCodebaseContext,
    NewErrorSolution,
    NewSkillPattern,
    SearchRequest,
    SearchResponse,
    SearchResult,
    StoredItem,
)
from ai_stack.hybrid_coordinator.keys import COLLECTIONS, EMBEDDER, SETTINGS
from ai_stack.hybrid_coordinator.learned import Found
from ai_stack.hybrid_coordinator.passages import clean, shorten
from ai_stack.hybrid_coordinator.record import Record
from ai_stack.hybrid_coordinator.records import BestPractice, CodebaseContext, ErrorSolution, SkillPattern
from ai_stack.service.endpoint import Endpoint, RequestModel, endpoint
from ai_stack.service.resilience import deadline


@endpoint(
    "GET",
    "/collections",
    scope="read",
    response=CollectionList,
    errors=(503, 504),
    summary="List the collections of learned context",
    tags=("collections",),
)
async def list_collections(request: web.Request) -> CollectionList:
    """Counts are exact."""
    counts = await request.app[COLLECTIONS].counts()
    found = [CollectionInfo(name=name, items=items) for name, items in counts.items()]
    return CollectionList(collections=found, total=len(found))


@endpoint(
    "POST",
    "/search",
    scope="read",
    body=SearchRequest,
    response=SearchResponse,
    errors=(409, 503, 504),
    summary="Search the learned context",
    tags=("collections",),
)
async def search(request: web.Request, body: SearchRequest) -> SearchResponse:
    """By meaning, in one collection or several. Texts are cleaned of control characters and bounded.

    `interaction-history` is searched for keys with the scope `admin`, and left out of "all" for others.
    """
    collections, settings = request.app[COLLECTIONS], request.app[SETTINGS]
    check_readable(request, body.collections or ())
    names = readable(request, body.collections or collections.names)
    thresholds = {
        name: settings.collections.of(name).threshold if body.min_similarity is None else body.min_similarity
        for name in names
    }
    with deadline(settings.answer_deadline):
        embedding = await request.app[EMBEDDER].embed(body.query)
        answers = await asyncio.gather(
            *(collections.search(name, embedding, limit=body.limit, threshold=thresholds[name]) for name in names)
        )
    found = [item for answer in answers for item in answer]
    found.sort(key=lambda item: -item.rank_score)
    results = [_result(item, settings.excerpt_max_chars) for item in found]
    return SearchResponse(query=body.query, results=results, total=len(results), collections_searched=names)


def _store(record: type[Record], body: type[RequestModel]) -> Endpoint:
    """Return the endpoint that stores records of one kind."""
    name = record.collection

    @endpoint(
        "POST",
        f"/collections/{name}/items",
        scope="write",
        rate="ingest",
        body=body,
        response=StoredItem,
        errors=(409, 503, 504),
        summary=f"Store an item in the collection {name}",
        tags=("collections",),
    )
    async def store_item(request: web.Request, body: BaseModel) -> StoredItem:
        """Storing equal content again updates the item. Without an embedding nothing is stored (503)."""
        item = record.model_validate({**body.model_dump(), "given": True})
        seconds = request.app[SETTINGS].store_deadline
        with deadline(seconds):
            embedding = await request.app[EMBEDDER].embed(item.embedded_text(), timeout=seconds)
            id_, status = await request.app[COLLECTIONS].add(name, item, embedding)
        return StoredItem(id=id_, collection=name, status=status)

    return store_item


def _result(found: Found, limit: int) -> SearchResult:
    return SearchResult(
        id=found.id,
        collection=found.collection,
        title=clean(found.record.heading),
        text=shorten(clean(found.record.passage()), limit),
        similarity=round(found.similarity, 6),
        score=round(found.rank_score, 6),
        usefulness=round(found.usefulness, 4),
        uses=round(found.uses, 4),
    )


ROUTES = (
    list_collections,
    search,
    _store(CodebaseContext, NewCodebaseContext),
    _store(SkillPattern, NewSkillPattern),
    _store(ErrorSolution, NewErrorSolution),
    _store(BestPractice, NewBestPractice),
)
