"""Requests and answers of the routes of sessions."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field

from ai_stack.hybrid_coordinator.interaction_schemas import ContextId
from ai_stack.hybrid_coordinator.schemas import Question, Source
from ai_stack.service.endpoint import QueryModel, RequestModel

METADATA_LIMIT = 16

SessionId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,128}$")]
Metadata = Annotated[
    dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=1000)] | int | float | bool | None],
    Field(max_length=METADATA_LIMIT),
]


def _not_blank(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be blank")
    return value


Gap = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_not_blank)]


class TurnRequest(RequestModel):
    """A turn of a conversation."""

    query: Question
    session_id: SessionId | None = Field(default=None, description="Null begins a session.")
    context_level: Literal["standard", "detailed", "comprehensive"] = "standard"
    previous_context_ids: list[ContextId] = Field(
        default_factory=list, max_length=500, description="Context that the caller has from elsewhere."
    )
    max_tokens: int = Field(default=2000, ge=64, le=32_000, description="Bound of the context in tokens.")
    metadata: Metadata | None = None


class TurnResponse(BaseModel):
    """Context that was not sent before."""

    session_id: str
    turn_number: int | None = Field(description="From 1; null when the session could not be kept.")
    context: str
    context_ids: list[str]
    sources: list[Source]
    token_count: int = Field(description="Tokens of the context.")
    suggestions: list[str] = Field(description="Related passages that are not in the context, by name.")
    collections_searched: list[str]
    degraded: bool
    degraded_services: list[str]
    timings: dict[str, float]


class EvaluateRequest(RequestModel):
    """How sure a model is of its answer, and what it misses."""

    session_id: SessionId
    response: str = Field(min_length=1, max_length=32_000)
    confidence: float = Field(default=0.5, ge=0, le=1)
    gaps: list[Gap] = Field(default_factory=list, max_length=5)
    metadata: Metadata | None = None


class SessionInfo(BaseModel):
    """A session."""

    session_id: str
    created_at: datetime
    last_accessed: datetime
    turn_count: int
    total_queries: int
    total_context_items_sent: int
    total_tokens_sent: int
    queries: list[str] = Field(description="The latest ones.")
    metadata: dict[str, Any]


class EvaluateResponse(BaseModel):
    """What would help."""

    should_refine: bool
    suggested_queries: list[str]
    answerable_gaps: list[str] = Field(description="Gaps for which some source has passages that were not sent.")
    estimated_confidence_increase: float = Field(
        description="0.30 times the share of answerable gaps; never beyond full confidence."
    )
    available_collections: list[str]
    session_info: SessionInfo


class SessionPath(QueryModel):
    """Path of a session."""

    id: SessionId


class SessionCleared(BaseModel):
    """The session is gone."""

    status: Literal["cleared"]
    session_id: str
