"""Requests and answers of the routes of interactions."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from ai_stack.hybrid_coordinator.record import Line
from ai_stack.hybrid_coordinator.schemas import Question
from ai_stack.service.endpoint import QueryModel, RequestModel

ContextId = Annotated[str, Field(min_length=1, max_length=1000)]


class TrackRequest(RequestModel):
    """An interaction."""

    query: Question
    response: str = Field(min_length=1, max_length=32_000)
    agent_type: Literal["local", "remote"] = "remote"
    model_used: Line | None = None
    context_ids: list[ContextId] = Field(
        default_factory=list, max_length=64, description="The context that was given, as /augment_query named it."
    )
    tokens_used: int | None = Field(default=None, ge=0, le=10_000_000)
    latency_ms: float | None = Field(default=None, ge=0, le=86_400_000)
    interaction_id: UUID | None = Field(
        default=None, description="An id of the caller's, so that repeating the request changes nothing."
    )


class TrackResponse(BaseModel):
    """What became of an interaction."""

    interaction_id: UUID
    status: Literal["created", "unchanged"]


class InteractionPath(QueryModel):
    """Path of an interaction."""

    id: UUID


class OutcomeRequest(RequestModel):
    """How an interaction ended."""

    outcome: Literal["success", "partial", "failure"]
    user_feedback: float | None = Field(default=None, ge=-1, le=1, description="-1 (bad) to 1 (good).")


class InteractionResponse(BaseModel):
    """An interaction as it is stored."""

    interaction_id: UUID
    query: str
    agent_type: str
    model_used: str | None
    context_ids: list[str]
    timestamp: datetime
    outcome: str | None
    user_feedback: float | None
    value_score: float | None = Field(description="What it is worth learning from, 0 to 1; null without an outcome.")
    learned: bool = Field(description="A record of learned context has come from it.")
    pending: bool = Field(description="Its latest state has still to be learned from.")


class OutcomeResponse(BaseModel):
    """What became of an outcome."""

    interaction_id: UUID
    status: Literal["stored", "unchanged"]
    value_score: float | None


class ExportQuery(QueryModel):
    """Which interactions are exported."""

    min_value: float | None = Field(default=None, ge=0, le=1, description="Lowest value score; learning.min_value.")
    limit: int = Field(default=1000, ge=1, le=100_000, description="The most lines.")
