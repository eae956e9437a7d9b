"""The HTTP interface."""

import contextlib

from aiohttp import web

from ai_stack.hybrid_coordinator import (
    chat_routes,
    collection_routes,
    discovery_routes,
    garbage_routes,
    interaction_routes,
    session_routes,
)
from ai_stack.hybrid_coordinator.keys import AUGMENTER, CHAT, COLLECTIONS, SETTINGS, STATISTICS
from ai_stack.hybrid_coordinator.presenting import source_of
from ai_stack.hybrid_coordinator.schemas import (
    AugmentRequest,
    AugmentResponse,
    QueryStatistics,
    Routing,
    StatsResponse,
)
from ai_stack.service.context import SERVICE
from ai_stack.service.endpoint import endpoint
from ai_stack.service.errors import ServiceError


@endpoint(
    "POST",
    "/augment_query",
    scope="read",
    body=AugmentRequest,
    response=AugmentResponse,
    errors=(503,),
    summary="Augment a question with context",
    tags=("augment",),
)
async def augment_query(request: web.Request, body: AugmentRequest) -> AugmentResponse:
    """Searches every source at once and returns a prompt with what was found, within the configured deadline.

    A source that is down or late is named in `degraded_services`; only when none answers is this a 503.
    """
    limit = body.limit if body.limit is not None else request.app[SETTINGS].context_limit
    answer = await request.app[AUGMENTER].augment(
        body.query, agent_type=body.agent_type, max_tokens=body.max_tokens, limit=limit
    )
    sources = [source_of(placed) for placed in answer.prompt.sources]
    advice = request.app[CHAT].advise(body.query, answer)
    return AugmentResponse(
        augmented_prompt=answer.prompt.text,
        context_ids=[source.id for source in sources],
        original_query=body.query,
        context_count=len(sources),
        sources=sources,
        token_count=answer.prompt.token_count,
        routing=Routing(decision=advice.route, reason=advice.reason, confidence=advice.confidence),
        degraded=bool(answer.degraded),
        degraded_services=list(answer.degraded),
        timings=answer.timings,
    )


@endpoint("GET", "/stats", scope="read", response=StatsResponse, summary="Counters since the start", tags=("meta",))
async def stats(request: web.Request) -> StatsResponse:
    """What this process has answered, and how much the collections hold."""
    collections, counted = request.app[COLLECTIONS], request.app[STATISTICS]
    counts: dict[str, int | None] = dict.fromkeys(collections.names)
    # The counters are this process's own and must be readable without the store.
    with contextlib.suppress(ServiceError):
        counts.update(await collections.counts())
    return StatsResponse(
        status="healthy",
        service=request.app[SERVICE].name,
        stats=QueryStatistics(
            total_queries=counted.total_queries,
            context_hits=counted.context_hits,
            context_hit_rate=round(counted.context_hit_rate, 4),
            degraded_queries=counted.degraded_queries,
            last_query_at=counted.last_query_at,
            agent_types=dict(counted.agent_types),
        ),
        collections=counts,
    )


ROUTES = (
    augment_query,
    *collection_routes.ROUTES,
    *interaction_routes.ROUTES,
    *session_routes.ROUTES,
    *garbage_routes.ROUTES,
    *chat_routes.ROUTES,
    *discovery_routes.ROUTES,
    stats,
)
