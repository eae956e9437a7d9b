"""What happens to every request, from the outside in.

1. `observe`  request id, trace span, metrics: on every answer, whatever happened inside
2. `shield`   exceptions become the error envelope
3. `admit`    API key, scope, rate limit: before anything of the request is looked at
4. the endpoint itself (`call_endpoint`): validation, deadline, answer
"""

import asyncio
import time
import uuid
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware
from pydantic import BaseModel

from ai_stack.service import context
from ai_stack.service.auth import Principal, key_in
from ai_stack.service.endpoint import Endpoint, ErrorFormat, json_response, read_arguments
from ai_stack.service.errors import (
    DeadlineExceeded,
    Forbidden,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    ServiceError,
    TooManyRequests,
    Unauthorized,
)
from ai_stack.service.logs import get_logger
from ai_stack.service.metrics import UNMATCHED
from ai_stack.service.recent_errors import RecentError
from ai_stack.service.resilience import deadline
from ai_stack.service.timestamps import utc_timestamp
from ai_stack.service.tracing import record_exception, server_span

if TYPE_CHECKING:
    from ai_stack.service.app import Service

REQUEST_ID = web.RequestKey("request_id", str)
PRINCIPAL = web.RequestKey("principal", Principal)

ANONYMOUS = "anonymous"

log = get_logger(__name__)


def middlewares(service: "Service") -> list[Middleware]:
    """Return the middlewares of a service, outermost first."""
    return [_observe(service), _shield(service), _admit(service)]


def call_endpoint(service: "Service", target: Endpoint) -> Handler:
    """Return the aiohttp handler of an endpoint."""
    settings = service.settings

    async def handle(request: web.Request) -> web.StreamResponse:
        arguments = await read_arguments(
            request, target, max_body_bytes=settings.max_body_bytes, body_timeout=settings.body_timeout
        )
        if target.streaming:
            return _answer(await target.handler(request, **arguments), target)
        try:
            async with asyncio.timeout(settings.request_timeout):
                with deadline(settings.request_timeout):
                    return _answer(await target.handler(request, **arguments), target)
        except TimeoutError:
            raise DeadlineExceeded("the request took too long") from None

    return handle


def _answer(result: Any, target: Endpoint) -> web.StreamResponse:
    if isinstance(result, web.StreamResponse):
        return result
    if isinstance(result, BaseModel | dict | list):
        return json_response(result, status=target.response_status)
    raise TypeError(f"{target.method} {target.path} returned {type(result).__name__}")


def _observe(service: "Service") -> Middleware:
    metrics = service.metrics

    @web.middleware
    async def observe(request: web.Request, handler: Handler) -> web.StreamResponse:
        identifier = context.accept_request_id(request.headers.get("X-Request-ID"))
        request[REQUEST_ID] = identifier
        token = context.request_id.set(identifier)
        route = _route_template(request)
        started = time.perf_counter()
        status = 499  # what the reverse proxy calls it when the client left before the answer
        metrics.request_started()
        try:
            with server_span(request.headers, request.method, route) as span:
                response = await handler(request)
                status = response.status
                span.set_status_code(status)
            # A stream has sent its headers by now; `sent_headers` put the id there.
            if not response.prepared:
                response.headers["X-Request-ID"] = identifier
            return response
        finally:
            metrics.request_finished()
            metrics.observe_request(route, request.method, status, time.perf_counter() - started)
            context.request_id.reset(token)

    return observe


async def sent_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Put the request id on streams too, and keep the server's version to ourselves (`on_response_prepare`).

    A service that ends says so, lest a client sends another request on a connection that closes (RFC 9112 section 9.6).
    """
    response.headers.pop(hdrs.SERVER, None)
    if request.app[context.SERVICE].health.draining:
        response.headers[hdrs.CONNECTION] = "close"
    if (identifier := request.get(REQUEST_ID)) is not None:
        response.headers["X-Request-ID"] = identifier


def _shield(service: "Service") -> Middleware:
    @web.middleware
    async def shield(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except ServiceError as error:
            return _envelope(service, request, error)
        except web.HTTPException as error:
            if error.status < HTTPStatus.BAD_REQUEST:
                raise
            return _envelope(service, request, _translate(error))
        except (asyncio.CancelledError, ConnectionResetError):
            raise
        except Exception as error:
            return _envelope(service, request, error)

    return shield


def _admit(service: "Service") -> Middleware:
    @web.middleware
    async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
        target = service.endpoint_of(request)
        if target is not None and target.scope == "public":
            return await handler(request)
        if service.keys is None:
            client = request.remote or "local"
        else:
            key = key_in(request.headers)
            principal = service.keys.authenticate(key) if key is not None else None
            if principal is None:
                raise Unauthorized
            if target is not None and not principal.may(target.scope):
                raise Forbidden(f"this API key does not have the scope {target.scope!r}")
            request[PRINCIPAL] = principal
            client = principal.name
        if target is not None and target.rate is not None:
            wait = service.limiter.check(client, target.rate)
            if wait is not None:
                raise TooManyRequests(f"too many {target.rate} requests", retry_after=wait)
        return await handler(request)

    return admit


def _translate(error: web.HTTPException) -> ServiceError:
    if isinstance(error, web.HTTPNotFound):
        return NotFound("not found")
    if isinstance(error, web.HTTPMethodNotAllowed):
        return MethodNotAllowed("method not allowed", headers={hdrs.ALLOW: error.headers[hdrs.ALLOW]})
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return PayloadTooLarge("the body is too large")
    return _with_status(error.status)


def _with_status(status: int) -> ServiceError:
    error = ServiceError(HTTPStatus(status).phrase.lower())
    error.status = status
    return error


def _envelope(service: "Service", request: web.Request, error: Exception) -> web.Response:
    error_id = uuid.uuid4().hex[:12]
    if isinstance(error, ServiceError):
        status, message, headers = error.status, error.message, error.headers
        report: Callable[..., None] = log.warning if status >= HTTPStatus.INTERNAL_SERVER_ERROR else log.info
        cause = error if status >= HTTPStatus.INTERNAL_SERVER_ERROR else None
        report("http.refused", status=status, error_id=error_id, reason=message, exc_info=cause)
    else:
        status, message, headers = HTTPStatus.INTERNAL_SERVER_ERROR.value, "internal error", {}
        record_exception(error)
        log.error("http.failed", status=status, error_id=error_id, exc_info=error)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        service.recent_errors.add(
            RecentError(
                error_id=error_id,
                request_id=request[REQUEST_ID],
                timestamp=utc_timestamp(time.time()),
                status=status,
                method=request.method,
                route=_route_template(request),
                error=message,
            )
        )
    target = service.endpoint_of(request)
    error_format: ErrorFormat = target.error_format if target is not None else "default"
    body: dict[str, Any] = {"error": message, "error_id": error_id}
    if error_format == "openai":
        body["error"] = {"message": message, "type": _openai_type(status), "param": None, "code": None}
    return json_response(body, status=status, headers=headers)


def _openai_type(status: int) -> str:
    """Name an error as the original service and OpenAI's API reference do."""
    match status:
        case 401 | 403:
            return "authentication_error"
        case 429:
            return "overloaded"
        case 503:
            return "service_unavailable"
        case 408 | 504:
            return "timeout"
        case _ if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return "internal_error"
        case _:
            return "invalid_request_error"


def _route_template(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return UNMATCHED if resource is None else resource.canonical
