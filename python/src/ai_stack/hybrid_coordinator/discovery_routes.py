"""Routes of discovery."""

import asyncio
from contextlib import suppress
from typing import Any, Literal

from aiohttp import web
from pydantic import BaseModel, Field

from ai_stack.hybrid_coordinator.discovery import (
    BUDGETS,
    CATEGORIES,
    DESCRIPTIONS,
    Category,
    Depth,
    QueryType,
    disclose,
)
from ai_stack.hybrid_coordinator.keys import COLLECTIONS, COUNTER
from ai_stack.service.context import SERVICE
from ai_stack.service.endpoint import QueryModel, RequestModel, endpoint
from ai_stack.service.errors import ServiceError

NEXT_STEPS: dict[Depth, str] = {
    "overview": "Ask for the level `detailed`, of one category, to see fields and scopes.",
    "detailed": "Ask for the level `comprehensive`, of one category, to see schemas.",
    "comprehensive": "Call a route; /openapi.json has the whole interface.",
}
Budget = Field(default=500, ge=50, le=100_000, description="Tokens that the capabilities may take.")


class CapabilitiesQuery(QueryModel):
    """How much is told."""

    level: Depth = "overview"
    category: Category | None = Field(default=None, description="Only this one.")
    token_budget: int = Budget


class CapabilitiesRequest(RequestModel):
    """How much is told."""

    level: Depth = "overview"
    categories: list[Category] | None = Field(default=None, min_length=1, max_length=6, description="Null for all.")
    token_budget: int = Budget


class CapabilitiesResponse(BaseModel):
    """What the service can do."""

    level: Depth
    capabilities: dict[Category, list[dict[str, Any]]]
    omitted: list[str] = Field(description="Routes that did not fit the budget.")
    token_count: int = Field(description="Tokens of `capabilities` as JSON.")
    available_collections: list[str]
    total_knowledge_points: int | None = Field(description="Records in all collections; null when not known now.")
    next_steps: str
    disclosure_id: str = Field(description="Equal for equal capabilities.")


class BudgetRequest(RequestModel):
    """A kind of question."""

    query_type: QueryType
    context_level: Literal["standard", "detailed", "comprehensive"] = "standard"


class BudgetResponse(BaseModel):
    """Tokens of context that suit it."""

    query_type: QueryType
    context_level: str
    token_budget: int
    description: str


@endpoint(
    "GET",
    "/discovery/capabilities",
    scope="read",
    query=CapabilitiesQuery,
    response=CapabilitiesResponse,
    summary="List what the service can do",
    tags=("discovery",),
)
async def capabilities(request: web.Request, query: CapabilitiesQuery) -> CapabilitiesResponse:
    """In three levels, within a budget of tokens."""
    categories = CATEGORIES if query.category is None else (query.category,)
    return await _disclose(request, query.level, categories, query.token_budget)


@endpoint(
    "POST",
    "/discovery/capabilities",
    scope="read",
    body=CapabilitiesRequest,
    response=CapabilitiesResponse,
    summary="List what the service can do",
    tags=("discovery",),
)
async def capabilities_of(request: web.Request, body: CapabilitiesRequest) -> CapabilitiesResponse:
    """In three levels, of some categories, within a budget of tokens."""
    categories = CATEGORIES if body.categories is None else tuple(dict.fromkeys(body.categories))
    return await _disclose(request, body.level, categories, body.token_budget)


@endpoint(
    "POST",
    "/discovery/token_budget",
    scope="read",
    body=BudgetRequest,
    response=BudgetResponse,
    summary="Recommend a budget of tokens",
    tags=("discovery",),
)
async def token_budget(_request: web.Request, body: BudgetRequest) -> BudgetResponse:
    """For `max_tokens` of a question."""
    return BudgetResponse(
        query_type=body.query_type,
        context_level=body.context_level,
        token_budget=BUDGETS[body.query_type][body.context_level],
        description=DESCRIPTIONS[body.query_type],
    )


async def _disclose(
    request: web.Request, level: Depth, categories: tuple[Category, ...], budget: int
) -> CapabilitiesResponse:
    collections, counter = request.app[COLLECTIONS], request.app[COUNTER]
    # On a thread: counting the tokens of schemas takes milliseconds that other requests should not wait for.
    found = await asyncio.to_thread(
        disclose,
        list(request.app[SERVICE].endpoints),
        depth=level,
        categories=categories,
        budget=budget,
        counter=counter,
    )
    total = None
    with suppress(ServiceError):
        total = sum((await collections.counts()).values())
    return CapabilitiesResponse(
        level=level,
        capabilities=found.capabilities,
        omitted=found.omitted,
        token_count=found.tokens,
        available_collections=collections.names,
        total_knowledge_points=total,
        next_steps=NEXT_STEPS[level],
        disclosure_id=found.id,
    )


ROUTES = (capabilities, capabilities_of, token_budget)
