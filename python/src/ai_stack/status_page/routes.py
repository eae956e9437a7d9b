"""HTTP routes of the status page."""

from aiohttp import hdrs, web
from pydantic import Field

from ai_stack.service.auth import key_in
from ai_stack.service.endpoint import Endpoint, QueryModel, endpoint, json_response
from ai_stack.service.errors import NotFound, Unavailable
from ai_stack.status_page.keys import ADDRESSES, PAGE, PROBER, REPORTER
from ai_stack.status_page.models import StatusReport
from ai_stack.status_page.probing import Unreachable
from ai_stack.status_page.settings import SERVICE_NAME


class ServicePath(QueryModel):
    """Names a service."""

    name: str = Field(pattern=SERVICE_NAME)


@endpoint("GET", "/", scope="public", rate=None, summary="The page", tags=("page",), response_type="text/html")
async def page(request: web.Request) -> web.Response:
    """Holds nothing about the stack: it asks for a key, and with it for `/status.json`."""
    text, headers = request.app[PAGE]
    return web.Response(text=text, content_type="text/html", charset="utf-8", headers=headers)


@endpoint("GET", "/status.json", scope="admin", summary="How the stack is", tags=("page",), response=StatusReport)
async def status(request: web.Request) -> web.Response:
    """What the page shows. The services are asked with the reader's own key."""
    report = await request.app[REPORTER].report(key_in(request.headers))
    return json_response(report, headers={hdrs.CACHE_CONTROL: "no-store"})


@endpoint(
    "GET",
    "/services/{name}/openapi.json",
    scope="admin",
    path_params=ServicePath,
    errors=(404, 503),
    summary="The interface of a service",
    tags=("page",),
)
async def interface(request: web.Request, path: ServicePath) -> web.Response:
    """The OpenAPI document of a service, fetched with the reader's own key."""
    if (address := request.app[ADDRESSES].get(path.name)) is None:
        raise NotFound(f"the page shows no service {path.name}")
    try:
        status, content = await request.app[PROBER].json(address, "/openapi.json", key_in(request.headers))
    except Unreachable as error:
        raise Unavailable(f"{path.name}: {error}") from None
    if status != 200:
        raise Unavailable(f"{path.name} answered {status}")
    return json_response(content)


ROUTES: tuple[Endpoint, ...] = (page, status, interface)
