"""What aidb can do, in levels of detail, for programs that choose by themselves. Made of the routes it really has."""

from typing import Any, Literal, get_args

from aiohttp import web
from pydantic import BaseModel, Field

from ai_stack.service.context import SERVICE
from ai_stack.service.endpoint import Endpoint, QueryModel, endpoint

Level = Literal["basic", "standard", "detailed", "advanced"]


class CapabilitiesQuery(QueryModel):
    """How much to tell, and about what."""

    level: Level = "standard"
    category: str | None = Field(default=None, max_length=64)


class Capability(BaseModel):
    """One thing that can be done. What a level does not tell is null."""

    method: str
    path: str
    category: str
    summary: str
    scope: str | None = None
    description: str | None = None
    request: dict[str, Any] | None = Field(default=None, description="JSON schema of the body.")


class Capabilities(BaseModel):
    """What can be done, in the order of the interface."""

    level: Level
    categories: list[str]
    capabilities: list[Capability]


@endpoint(
    "GET",
    "/discovery/capabilities",
    scope="read",
    query=CapabilitiesQuery,
    response=Capabilities,
    summary="List capabilities",
    tags=("discovery",),
)
async def capabilities(request: web.Request, query: CapabilitiesQuery) -> Capabilities:
    """`basic` names them, `standard` says which scope each needs, `detailed` explains them, and `advanced` adds the
    schema of what is sent. `/openapi.json` has everything."""
    endpoints = [target for target in request.app[SERVICE].endpoints if target.scope != "public"]
    return Capabilities(
        level=query.level,
        categories=sorted({_category(target) for target in endpoints}),
        capabilities=[
            _capability(target, query.level)
            for target in endpoints
            if query.category is None or query.category == _category(target)
        ],
    )


def _category(target: Endpoint) -> str:
    return target.tags[0] if target.tags else "service"


def _capability(target: Endpoint, level: Level) -> Capability:
    depth = get_args(Level).index(level)
    schema = target.body.model_json_schema() if level == "advanced" and target.body is not None else None
    return Capability(
        method=target.method,
        path=target.template,
        category=_category(target),
        summary=target.summary,
        scope=target.scope if depth > 0 else None,
        description=target.description if depth > 1 else None,
        request=schema,
    )


ROUTES = (capabilities,)
