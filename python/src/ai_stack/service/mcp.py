"""Tools for the Model Context Protocol at `/mcp`, over streamable HTTP (specification of 2025-06-18, "Transports").

    server = McpServer("translator", version, [tool_of(translate, "translate")])
    service.add_routes(server.ROUTES)

The protocol is the official SDK's; its transport speaks ASGI, which is translated here from and to aiohttp. Each
request stands for itself: there are no sessions to keep, and any instance can answer. API keys and rate limits are
those of every route; a tool may need a scope beyond that of `/mcp`.
"""

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import hdrs, web
from mcp import types
from mcp.server.lowlevel import Server
from mcp.server.streamable_http import StreamableHTTPServerTransport
from pydantic import BaseModel
from yarl import URL

from ai_stack.service.auth import Scope
from ai_stack.service.context import SERVICE
from ai_stack.service.endpoint import Endpoint, endpoint, parse_json, read_body
from ai_stack.service.errors import BadRequest, Forbidden, NotFound, ServiceError
from ai_stack.service.logs import get_logger
from ai_stack.service.middleware import PRINCIPAL
from ai_stack.service.settings import is_loopback
from ai_stack.service.tracing import span

log = get_logger(__name__)

PATH = "/mcp"
MAX_BODY_BYTES = 1024 * 1024

_request: ContextVar[web.Request] = ContextVar("mcp_request")


@dataclass(frozen=True, kw_only=True, slots=True)
class Tool:
    """A tool.

    Attributes:
        name: as clients call it.
        description: for the model that chooses a tool.
        scope: what the caller's key must allow.
        arguments: model of its arguments.
        run: does it; gets the HTTP request that the call came with, and the arguments.
    """

    name: str
    description: str
    scope: Scope
    arguments: type[BaseModel]
    run: Callable[[web.Request, Any], Awaitable[BaseModel | dict[str, Any]]]


def tool_of(target: Endpoint, name: str) -> Tool:
    """Return the tool that does what an endpoint with a JSON body does.

    Raises:
        ValueError: the endpoint has no body, or needs more than one.
    """
    if target.body is None or target.path_params is not None or target.query is not None:
        raise ValueError(f"{target.method} {target.path} cannot be a tool: its body is not all that it takes")

    async def run(request: web.Request, arguments: BaseModel) -> BaseModel | dict[str, Any]:
        answer = await target.handler(request, body=arguments)
        if isinstance(answer, web.Response):
            content: dict[str, Any] = orjson.loads(answer.body if isinstance(answer.body, bytes) else b"{}")
            return content
        found: BaseModel | dict[str, Any] = answer
        return found

    return Tool(
        name=name,
        description=f"{target.summary}. {target.description}".strip(),
        scope=target.scope,
        arguments=target.body,
        run=run,
    )


class McpServer:
    """Serves tools.

    Args:
        name: of the server, as clients see it.
        version: of the service.
        tools: what it offers.
        instructions: for the model, on what the tools are for.
    """

    def __init__(self, name: str, version: str, tools: Iterable[Tool], instructions: str | None = None) -> None:
        # The SDK logs each request at INFO.
        logging.getLogger("mcp").setLevel(logging.WARNING)
        self._tools = {tool.name: tool for tool in tools}
        self._server: Server[object, object] = Server(name, version, instructions)
        self._server.request_handlers[types.ListToolsRequest] = self._list
        self._server.request_handlers[types.CallToolRequest] = self._call

        @endpoint(
            "POST",
            PATH,
            scope="read",
            max_body_bytes=MAX_BODY_BYTES,
            summary="Model Context Protocol over streamable HTTP",
            tags=("mcp",),
            # 202 is the answer to a notification.
            errors=(202, 400, 403, 406, 408, 413, 415),
        )
        async def mcp(request: web.Request) -> web.Response:
            """JSON-RPC 2.0; one request, one answer, no sessions."""
            return await self._handle(request)

        self.ROUTES: tuple[Endpoint, ...] = (mcp,)

    async def _handle(self, request: web.Request) -> web.Response:
        _refuse_foreign_pages(request)
        settings = request.app[SERVICE].settings
        body = await read_body(request, MAX_BODY_BYTES, settings.body_timeout)
        try:
            orjson.loads(body)
        except orjson.JSONDecodeError:
            raise BadRequest("the body is not valid JSON") from None
        exchange = _Exchange(request, body)
        transport = StreamableHTTPServerTransport(mcp_session_id=None, is_json_response_enabled=True)
        token = _request.set(request)
        try:
            async with transport.connect() as (read, write):
                serving = asyncio.create_task(
                    self._server.run(read, write, self._server.create_initialization_options(), stateless=True)
                )
                try:
                    await transport.handle_request(exchange.scope, exchange.receive, exchange.send)
                finally:
                    await transport.terminate()
                    serving.cancel()
                    await asyncio.gather(serving, return_exceptions=True)
        finally:
            _request.reset(token)
        return exchange.response()

    async def _list(self, _: types.ListToolsRequest) -> types.ServerResult:
        tools = [
            types.Tool(name=tool.name, description=tool.description, inputSchema=tool.arguments.model_json_schema())
            for tool in self._tools.values()
        ]
        return types.ServerResult(types.ListToolsResult(tools=tools))

    async def _call(self, call: types.CallToolRequest) -> types.ServerResult:
        try:
            with span("mcp.call_tool", tool=call.params.name if call.params.name in self._tools else "unknown"):
                content = await self._run(call.params.name, call.params.arguments or {})
        except ServiceError as error:
            return _failure(error.message)
        except Exception:
            # The SDK would tell the client the text of the exception.
            error_id = uuid.uuid4().hex[:12]
            log.exception("mcp.tool_failed", error_id=error_id)
            return _failure(f"internal error ({error_id})")
        text = orjson.dumps(content, option=orjson.OPT_INDENT_2).decode()
        return types.ServerResult(
            types.CallToolResult(content=[types.TextContent(type="text", text=text)], structuredContent=content)
        )

    async def _run(self, name: str, given: dict[str, Any]) -> dict[str, Any]:
        request, tool = _request.get(), self._tools.get(name)
        if tool is None:
            raise NotFound("there is no such tool")
        principal = request.get(PRINCIPAL)
        if principal is not None and not principal.may(tool.scope):
            raise Forbidden(f"this API key does not have the scope {tool.scope!r}")
        answer = await tool.run(request, parse_json(orjson.dumps(given), tool.arguments))
        return answer.model_dump(mode="json") if isinstance(answer, BaseModel) else answer


def _refuse_foreign_pages(request: web.Request) -> None:
    """Refuse what a page of another site sent, which may have found its way here by DNS rebinding.

    Raises:
        Forbidden
    """
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is None:
        return
    try:
        host = URL(origin).host
    except ValueError:
        host = None
    if host is None or not (is_loopback(host) or host == request.url.host):
        raise Forbidden("this origin may not use the tools")


def _failure(message: str) -> types.ServerResult:
    return types.ServerResult(
        types.CallToolResult(content=[types.TextContent(type="text", text=message)], isError=True)
    )


class _Exchange:
    """One HTTP exchange in the words of ASGI (https://asgi.readthedocs.io/en/latest/specs/www.html)."""

    def __init__(self, request: web.Request, body: bytes) -> None:
        self._body = body
        self._given = False
        self._status = 500
        self._headers: list[tuple[str, str]] = []
        self._answer = bytearray()
        self.scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": request.scheme,
            "path": request.path,
            "raw_path": request.path.encode(),
            "query_string": request.query_string.encode(),
            "root_path": "",
            # The key was for the middlewares; nothing behind them needs it.
            "headers": [
                (name.lower(), value)
                for name, value in request.raw_headers
                if name.lower() not in (b"authorization", b"x-api-key")
            ],
            "client": None,
            "server": None,
        }

    async def receive(self) -> MutableMapping[str, Any]:
        if not self._given:
            self._given = True
            return {"type": "http.request", "body": self._body, "more_body": False}
        # aiohttp cancels the handler when the client leaves.
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in message["headers"]]
        elif message["type"] == "http.response.body":
            self._answer += message.get("body", b"")

    def response(self) -> web.Response:
        headers = [(name, value) for name, value in self._headers if name.lower() != "content-length"]
        return web.Response(status=self._status, headers=headers, body=bytes(self._answer))
