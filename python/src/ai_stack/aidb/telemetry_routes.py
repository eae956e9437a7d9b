"""What aidb did, in numbers that were measured."""

from datetime import datetime

from aiohttp import web
from pydantic import BaseModel, Field

from ai_stack.aidb.resources import TELEMETRY
from ai_stack.aidb.telemetry import Summary
from ai_stack.service.endpoint import QueryModel, endpoint

#: Ten years.
MAX_SECONDS = 315_360_000
_NEVER = "Always null: aidb asks no language model."


class SummaryQuery(QueryModel):
    """Which events."""

    seconds: int | None = Field(default=None, ge=1, le=MAX_SECONDS, description="Only events of the last so many.")


class Latency(BaseModel):
    """Percentiles in milliseconds."""

    p50: float
    p95: float
    p99: float


class SearchSummary(BaseModel):
    """Searches that were answered."""

    total: int
    by_mode: dict[str, int]
    empty: int = Field(description="Pages without a result.")
    degraded: int = Field(description="Hybrid searches that had no vector.")
    cache_hits: int
    cache_hit_rate: float | None = Field(description="Of the searches that asked the cache; null when none did.")
    mean_rag_hits: float | None = Field(description="Results per page.")
    latency_ms: Latency | None = Field(description="Answers of the cache included.")


class DocumentSummary(BaseModel):
    """Documents by what became of them."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: int = 0
    deleted: int = 0


class ModelChangeSummary(BaseModel):
    """Changes of the model."""

    begun: int = 0
    finished: int = 0
    cancelled: int = 0


class TelemetrySummary(BaseModel):
    """What happened, as far as it is kept."""

    enabled: bool
    total_events: int
    events: dict[str, int] = Field(description="By type.")
    first_event_at: datetime | None
    last_event_at: datetime | None
    searches: SearchSummary
    documents: DocumentSummary = Field(description="Stored and deleted by requests.")
    imports: DocumentSummary = Field(description="Stored by imports.")
    model_changes: ModelChangeSummary
    local_events: int | None = Field(default=None, description=_NEVER)
    remote_events: int | None = Field(default=None, description=_NEVER)
    tokens_saved: int | None = Field(default=None, description=_NEVER)
    local_usage_rate: float | None = Field(default=None, description=_NEVER)
    telemetry_path: str | None = Field(default=None, description="Always null: events are in the database.")


@endpoint(
    "GET",
    "/telemetry/summary",
    scope="read",
    query=SummaryQuery,
    response=TelemetrySummary,
    errors=(503,),
    summary="Sum up what happened",
    tags=("telemetry",),
)
async def summary(request: web.Request, query: SummaryQuery) -> TelemetrySummary:
    """Counts and times of the events that are kept, in all processes on this database. They hold no text of a query and
    no name of a document."""
    telemetry = request.app[TELEMETRY]
    return _body(await telemetry.summary(query.seconds), enabled=telemetry.enabled)


def _body(found: Summary, *, enabled: bool) -> TelemetrySummary:
    searches = found.searches
    asked = searches["cache_asked"]
    times = searches["percentiles"]
    return TelemetrySummary(
        enabled=enabled,
        total_events=found.total_events,
        events=found.events,
        first_event_at=found.first_event_at,
        last_event_at=found.last_event_at,
        searches=SearchSummary(
            total=searches["total"],
            by_mode=found.modes,
            empty=searches["empty"],
            degraded=searches["degraded"],
            cache_hits=searches["cache_hits"],
            cache_hit_rate=round(searches["cache_hits"] / asked, 4) if asked else None,
            mean_rag_hits=None if searches["mean_hits"] is None else round(searches["mean_hits"], 3),
            latency_ms=Latency(p50=round(times[0], 3), p95=round(times[1], 3), p99=round(times[2], 3))
            if times
            else None,
        ),
        documents=DocumentSummary.model_validate(found.documents),
        imports=DocumentSummary.model_validate(found.imports),
        model_changes=ModelChangeSummary.model_validate(found.model_changes),
    )


ROUTES = (summary,)
