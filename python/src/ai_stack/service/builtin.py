"""The routes that every service has: health, metrics, recent failures, OpenAPI."""

from typing import Any

from aiohttp import hdrs, web
from pydantic import BaseModel

from ai_stack.service import openapi
from ai_stack.service.context import SERVICE
from ai_stack.service.endpoint import endpoint, json_response
from ai_stack.service.recent_errors import RecentError


class RecentFailures(BaseModel):
    """What failed lately."""

    errors: list[RecentError]


def _uncached(status: int, body: dict[str, Any]) -> web.Response:
    return json_response(body, status=status, headers={hdrs.CACHE_CONTROL: "no-store"})


@endpoint("GET", "/health", scope="public", rate=None, summary="State of the service", tags=("health",), errors=(503,))
async def health(request: web.Request) -> web.Response:
    """Says what the service knows of itself; asks no other process."""
    return _uncached(*request.app[SERVICE].health.summary())


@endpoint("GET", "/health/live", scope="public", rate=None, summary="Liveness", tags=("health",))
async def live(request: web.Request) -> web.Response:
    """The process turns; whether it can serve is not looked at."""
    return _uncached(*request.app[SERVICE].health.live())


@endpoint("GET", "/health/ready", scope="public", rate=None, summary="Readiness", tags=("health",), errors=(503,))
async def ready(request: web.Request) -> web.Response:
    """Asks every dependency, each under its own timeout; 503 names the critical ones that failed."""
    return _uncached(*await request.app[SERVICE].health.ready())


@endpoint("GET", "/health/startup", scope="public", rate=None, summary="Startup", tags=("health",), errors=(503,))
async def startup(request: web.Request) -> web.Response:
    """Start-up has ended."""
    return _uncached(*request.app[SERVICE].health.startup())


@endpoint(
    "GET",
    "/metrics",
    scope="public",
    rate=None,
    summary="Prometheus metrics",
    tags=("metrics",),
    response=str,
    response_type="text/plain",
)
async def metrics(request: web.Request) -> web.Response:
    """Prometheus text exposition format."""
    body, content_type = request.app[SERVICE].metrics.render()
    return web.Response(body=body, headers={hdrs.CONTENT_TYPE: content_type, hdrs.CACHE_CONTROL: "no-store"})


@endpoint("GET", "/openapi.json", scope="read", summary="This document", tags=("meta",))
async def document(request: web.Request) -> web.Response:
    """OpenAPI 3.1 description of this service, generated from the declarations that validate its requests."""
    return json_response(openapi.document(request.app[SERVICE]))


@endpoint(
    "GET",
    "/errors/recent",
    scope="admin",
    summary="Recent failures",
    tags=("health",),
    response=RecentFailures,
)
async def recent_failures(request: web.Request) -> web.Response:
    """The last requests that this process answered with 500 or more, newest first."""
    return _uncached(
        200, {"errors": [error.model_dump() for error in request.app[SERVICE].recent_errors.newest_first()]}
    )


ROUTES = (health, live, ready, startup, metrics, recent_failures, document)
