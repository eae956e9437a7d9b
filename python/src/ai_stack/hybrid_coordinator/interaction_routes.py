"""Routes of interactions."""

import uuid
from contextlib import aclosing

import orjson
from aiohttp import web

from ai_stack.hybrid_coordinator.access import administrates, caller
from ai_stack.hybrid_coordinator.interaction_schemas import (
    ExportQuery,
    InteractionPath,
    InteractionResponse,
    OutcomeRequest,
    OutcomeResponse,
    TrackRequest,
    TrackResponse,
)
from ai_stack.hybrid_coordinator.interactions import NoSuchInteraction
from ai_stack.hybrid_coordinator.keys import EMBEDDER, INTERACTIONS, SETTINGS
from ai_stack.hybrid_coordinator.records import Interaction
from ai_stack.service.endpoint import endpoint
from ai_stack.service.errors import ServiceError
from ai_stack.service.logs import get_logger
from ai_stack.service.resilience import deadline

log = get_logger(__name__)

NDJSON = "application/x-ndjson"


@endpoint(
    "POST",
    "/interactions",
    scope="write",
    rate="ingest",
    body=TrackRequest,
    response=TrackResponse,
    errors=(409, 503, 504),
    summary="Store an interaction",
    tags=("interactions",),
)
async def track(request: web.Request, body: TrackRequest) -> TrackResponse:
    """A question and its answer. It is durable when this answers; without an embedding nothing is stored (503)."""
    interaction = Interaction(
        id=body.interaction_id or uuid.uuid4(),
        owner=caller(request),
        query=body.query,
        response=body.response,
        agent_type=body.agent_type,
        model_used=body.model_used,
        context_provided=tuple(body.context_ids),
        tokens_used=body.tokens_used,
        latency_ms=body.latency_ms,
        revision=uuid.uuid4().hex,
    )
    seconds = request.app[SETTINGS].store_deadline
    with deadline(seconds):
        embedding = await request.app[EMBEDDER].embed(interaction.query, timeout=seconds)
        status = await request.app[INTERACTIONS].track(interaction, embedding)
    return TrackResponse(interaction_id=interaction.id, status=status)


@endpoint(
    "GET",
    "/interactions/export",
    scope="admin",
    query=ExportQuery,
    response=str,
    response_type=NDJSON,
    errors=(503, 504),
    summary="Export good interactions for training",
    tags=("interactions",),
    streaming=True,
)
async def export(request: web.Request, query: ExportQuery) -> web.StreamResponse:
    """One JSON object a line, `{"messages": [user, assistant]}`, of interactions that succeeded."""
    min_value = request.app[SETTINGS].learning.min_value if query.min_value is None else query.min_value
    response = web.StreamResponse(headers={"Content-Type": NDJSON})
    async with aclosing(request.app[INTERACTIONS].good(min_value=min_value, limit=query.limit)) as interactions:
        # The first one before the headers, so that a store that is down is an error and not a short export.
        found = await anext(interactions, None)
        await response.prepare(request)
        try:
            while found is not None:
                await response.write(_line(found))
                found = await anext(interactions, None)
        except ServiceError as error:
            log.warning("interactions.export_broken_off", reason=error.message)
            # Without the last chunk the client knows that something is missing.
            raise ConnectionResetError from None
    await response.write_eof()
    return response


@endpoint(
    "GET",
    "/interactions/{id:[0-9a-fA-F-]+}",
    scope="read",
    path_params=InteractionPath,
    response=InteractionResponse,
    errors=(503, 504),
    summary="Show an interaction",
    tags=("interactions",),
)
async def show(request: web.Request, path: InteractionPath) -> InteractionResponse:
    """Its state, without the answer's text; to the API key that stored it and to administrators."""
    found = await request.app[INTERACTIONS].get(path.id)
    if found.owner != caller(request) and not administrates(request):
        raise NoSuchInteraction
    return InteractionResponse(
        interaction_id=found.id,
        query=found.query,
        agent_type=found.agent_type,
        model_used=found.model_used,
        context_ids=list(found.context_provided),
        timestamp=found.timestamp,
        outcome=found.outcome,
        user_feedback=found.user_feedback,
        value_score=found.value_score,
        learned=found.learned_as is not None,
        pending=found.pending,
    )


@endpoint(
    "POST",
    "/interactions/{id:[0-9a-fA-F-]+}/outcome",
    scope="write",
    rate="ingest",
    path_params=InteractionPath,
    body=OutcomeRequest,
    response=OutcomeResponse,
    errors=(503, 504),
    summary="Report how an interaction ended",
    tags=("interactions",),
)
async def report(request: web.Request, path: InteractionPath, body: OutcomeRequest) -> OutcomeResponse:
    """In place of an earlier report. Reporting the same again changes nothing and counts nothing twice."""
    with deadline(request.app[SETTINGS].store_deadline):
        interaction, status = await request.app[INTERACTIONS].report(path.id, body.outcome, body.user_feedback)
    return OutcomeResponse(interaction_id=interaction.id, status=status, value_score=interaction.value_score)


def _line(interaction: Interaction) -> bytes:
    messages = [
        {"role": "user", "content": interaction.query},
        {"role": "assistant", "content": interaction.response},
    ]
    return orjson.dumps({"messages": messages}, option=orjson.OPT_APPEND_NEWLINE)


ROUTES = (track, export, show, report)
