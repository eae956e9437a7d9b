"""A small service of a user's own, on the runtime. The tests of the runtime call it."""

import asyncio
from pathlib import Path
from typing import Annotated, Any

from aiohttp import web
from pydantic import Field

from ai_stack.service.app import Service
from ai_stack.service.endpoint import QueryModel, RequestModel, endpoint
from ai_stack.service.errors import Conflict, NotImplementedHere, TooManyRequests, Unavailable, Unprocessable
from ai_stack.service.settings import Port, ServiceSettings

STARTED = web.AppKey("started", asyncio.Event)
RELEASE = web.AppKey("release", asyncio.Event)


class ToySettings(ServiceSettings, env_prefix="AI_STACK_TOY_"):
    """A toy service."""

    port: Port = 0


class Greeting(RequestModel):
    """A body."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    times: Annotated[int, Field(ge=1, le=3)] = 1
    extra: dict[str, Any] = Field(default_factory=dict)


class Page(QueryModel):
    """A query."""

    limit: Annotated[int, Field(ge=1, le=10)] = 5


class Item(QueryModel):
    """A path."""

    number: Annotated[int, Field(ge=1, le=1000)]


@endpoint("POST", "/greet", scope="read", body=Greeting, summary="Greet")
async def greet(request: web.Request, body: Greeting) -> dict[str, Any]:
    """Says hello."""
    return {"greeting": " ".join([f"hello {body.name}"] * body.times)}


@endpoint("GET", "/items", scope="read", query=Page, summary="Items")
async def items(request: web.Request, query: Page) -> dict[str, Any]:
    return {"limit": query.limit}


@endpoint("GET", "/items/{number:[^x]+}", scope="read", path_params=Item, summary="Item")
async def item(request: web.Request, path: Item) -> dict[str, Any]:
    return {"number": path.number}


@endpoint("PUT", "/items", scope="write", body=Greeting, rate="ingest", summary="Store")
async def store(request: web.Request, body: Greeting) -> dict[str, Any]:
    return {}


@endpoint("DELETE", "/items", scope="admin", summary="Drop all", response_status=204)
async def drop(request: web.Request) -> web.Response:
    return web.Response(status=204)


@endpoint("GET", "/bug", scope="read", summary="A bug")
async def bug(request: web.Request) -> dict[str, Any]:
    raise RuntimeError("password=hunter2 in /etc/secret")


_REFUSALS = {
    "conflict": Conflict("it is there already"),
    "unprocessable": Unprocessable("too long"),
    "busy": TooManyRequests("queue is full", retry_after=1.2),
    "down": Unavailable("store is down", retry_after=5),
    "absent": NotImplementedHere("not configured"),
}


class Kind(QueryModel):
    """A path."""

    kind: str


@endpoint(
    "GET", "/refuse/{kind}", scope="read", path_params=Kind, rate=None, errors=(409, 422, 429, 501, 503), summary="No"
)
async def refuse(request: web.Request, path: Kind) -> dict[str, Any]:
    raise _REFUSALS[path.kind]


@endpoint("GET", "/openai", scope="read", error_format="openai", errors=(503,), summary="OpenAI-shaped errors")
async def openai_shaped(request: web.Request) -> dict[str, Any]:
    raise Unavailable("model is loading", retry_after=2)


@endpoint("GET", "/wait", scope="read", rate=None, summary="Answers when released")
async def wait(request: web.Request) -> dict[str, Any]:
    request.app[STARTED].set()
    await request.app[RELEASE].wait()
    return {"finished": True}


@endpoint(
    "GET", "/stream", scope="read", streaming=True, summary="Server-sent events", response_type="text/event-stream"
)
async def stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    await response.write(b"data: one\n\n")
    await response.write_eof()
    return response


ROUTES = (greet, items, item, store, drop, bug, refuse, openai_shaped, wait, stream)


def create_app(settings: ToySettings) -> web.Application:
    """Build the toy."""
    service = Service(name="toy", metrics_prefix="toy", settings=settings)
    service.add_routes(ROUTES)
    app = service.build()
    app[STARTED] = asyncio.Event()
    app[RELEASE] = asyncio.Event()
    return app


def toy_settings(api_keys_file: Path | None, **overrides: Any) -> ToySettings:
    """Settings of a toy on a free port."""
    return ToySettings(api_keys_file=api_keys_file, **overrides)
