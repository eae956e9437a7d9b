"""Requests and answers of the HTTP interface."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field

from ai_stack.hybrid_coordinator.routing import Reason, Route
from ai_stack.service.endpoint import RequestModel


def _not_blank(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be blank")
    return value


Question = Annotated[str, Field(min_length=1, max_length=10_000), AfterValidator(_not_blank)]


class AugmentRequest(RequestModel):
    """A question."""

    query: Question
    agent_type: Literal["local", "remote"] = Field(
        default="remote", description="Kind of model that will read the prompt; shapes its wording."
    )
    max_tokens: int = Field(
        default=2000, ge=64, le=32_000, description="Bound of the prompt in tokens, the question itself not counted."
    )
    limit: int | None = Field(default=None, ge=1, le=50, description="The most sources; null for the configured one.")


class Source(BaseModel):
    """A source in the prompt."""

    number: int = Field(description="Under which the prompt cites it.")
    id: str
    service: str
    collection: str | None
    path: str | None
    title: str | None
    heading: str | None
    score: float = Field(description="Reciprocal rank fusion of the rankings that it was in.")
    similarity: float | None = Field(description="Cosine similarity to the question, where vectors were compared.")
    found_by: list[str] = Field(description="The rankings that it was in.")
    tokens: int = Field(description="Tokens that it takes in the prompt.")
    excerpt: str


class Routing(BaseModel):
    """Which kind of model should read the prompt."""

    decision: Route
    reason: Reason
    confidence: float = Field(description="That a local model will do, 0 to 1.")


class AugmentResponse(BaseModel):
    """The augmented prompt."""

    augmented_prompt: str
    context_ids: list[str]
    original_query: str
    context_count: int
    sources: list[Source]
    token_count: int = Field(description="Tokens of the whole prompt.")
    routing: Routing
    degraded: bool = Field(description="Something was missing; the answer is what could be found without it.")
    degraded_services: list[str]
    timings: dict[str, float] = Field(description="Milliseconds by stage.")


class QueryStatistics(BaseModel):
    """Answered questions since the process started."""

    total_queries: int
    context_hits: int
    context_hit_rate: float
    degraded_queries: int
    last_query_at: datetime | None
    agent_types: dict[str, int]


class StatsResponse(BaseModel):
    """What the service has done."""

    status: str
    service: str
    stats: QueryStatistics
    collections: dict[str, int | None] = Field(description="Items by collection; null when they cannot be counted.")
