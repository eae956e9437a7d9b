"""Routes of conversations and their sessions."""

import uuid

from aiohttp import web

from ai_stack.hybrid_coordinator.access import caller, readable
from ai_stack.hybrid_coordinator.conversation import REFINE_BELOW, Conversation
from ai_stack.hybrid_coordinator.keys import COLLECTIONS, CONVERSATION, SESSIONS
from ai_stack.hybrid_coordinator.presenting import source_of
from ai_stack.hybrid_coordinator.session_schemas import (
    EvaluateRequest,
    EvaluateResponse,
    SessionCleared,
    SessionInfo,
    SessionPath,
    TurnRequest,
    TurnResponse,
)
from ai_stack.hybrid_coordinator.sessions import Session, Sessions
from ai_stack.service.endpoint import endpoint
from ai_stack.service.errors import NotFound, NotImplementedHere


@endpoint(
    "POST",
    "/context/multi_turn",
    scope="read",
    body=TurnRequest,
    response=TurnResponse,
    errors=(501, 503),
    summary="Context for a turn of a conversation",
    tags=("sessions",),
)
async def multi_turn(request: web.Request, body: TurnRequest) -> TurnResponse:
    """Context that was not sent before in the session. Without Redis it answers, but does not remember (degraded)."""
    session_id = body.session_id or uuid.uuid4().hex
    turn = await _conversation(request).turn(
        caller(request),
        session_id,
        body.query,
        readable=readable(request, request.app[COLLECTIONS].names),
        level=body.context_level,
        max_tokens=body.max_tokens,
        already_sent=body.previous_context_ids,
        metadata=body.metadata,
    )
    prompt = turn.answer.prompt
    sources = [source_of(placed) for placed in prompt.sources]
    return TurnResponse(
        session_id=session_id,
        turn_number=turn.number,
        context=prompt.context,
        context_ids=[source.id for source in sources],
        sources=sources,
        token_count=sum(source.tokens for source in sources),
        suggestions=turn.suggestions,
        collections_searched=list(turn.collections_searched),
        degraded=bool(turn.degraded),
        degraded_services=list(turn.degraded),
        timings=turn.answer.timings,
    )


@endpoint(
    "POST",
    "/feedback/evaluate",
    scope="read",
    body=EvaluateRequest,
    response=EvaluateResponse,
    errors=(404, 501, 503, 504),
    summary="Find out what would make an answer better",
    tags=("sessions",),
)
async def evaluate(request: web.Request, body: EvaluateRequest) -> EvaluateResponse:
    """Searches for each gap what was not sent yet. The answer itself is not judged."""
    found = await _conversation(request).evaluate(
        caller(request),
        body.session_id,
        readable=readable(request, request.app[COLLECTIONS].names),
        confidence=body.confidence,
        gaps=body.gaps,
    )
    return EvaluateResponse(
        should_refine=body.confidence < REFINE_BELOW,
        suggested_queries=found.suggestions,
        answerable_gaps=found.answerable,
        estimated_confidence_increase=found.gain,
        available_collections=readable(request, request.app[COLLECTIONS].names),
        session_info=_info(found.session),
    )


@endpoint(
    "GET",
    "/session/{id}",
    scope="read",
    path_params=SessionPath,
    response=SessionInfo,
    errors=(501, 503, 504),
    summary="Show a session",
    tags=("sessions",),
)
async def show(request: web.Request, path: SessionPath) -> SessionInfo:
    """Only to the API key that began it."""
    found = await _sessions(request).get(caller(request), path.id)
    if found is None:
        raise NotFound("there is no such session")
    return _info(found)


@endpoint(
    "DELETE",
    "/session/{id}",
    scope="read",
    path_params=SessionPath,
    response=SessionCleared,
    errors=(501, 503, 504),
    summary="Forget a session",
    tags=("sessions",),
)
async def clear(request: web.Request, path: SessionPath) -> SessionCleared:
    """Only by the API key that began it."""
    if not await _sessions(request).delete(caller(request), path.id):
        raise NotFound("there is no such session")
    return SessionCleared(status="cleared", session_id=path.id)


def _sessions(request: web.Request) -> Sessions:
    found = request.app.get(SESSIONS)
    if found is None:
        raise NotImplementedHere("sessions need Redis, and redis_url is not set")
    return found


def _conversation(request: web.Request) -> Conversation:
    _sessions(request)
    return request.app[CONVERSATION]


def _info(session: Session) -> SessionInfo:
    return SessionInfo(
        session_id=session.id,
        created_at=session.created_at,
        last_accessed=session.last_accessed,
        turn_count=session.turn_count,
        total_queries=session.turn_count,
        total_context_items_sent=session.total_context_items_sent,
        total_tokens_sent=session.total_tokens_sent,
        queries=session.queries,
        metadata=dict(session.metadata),
    )


ROUTES = (multi_turn, evaluate, show, clear)
