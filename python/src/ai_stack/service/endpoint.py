"""Endpoints: one declaration validates requests, enforces scopes and limits, and writes the OpenAPI document.

    @endpoint("POST", "/embed", scope="read", body=EmbedRequest, response=Vectors, errors=(503,), summary="Embed texts")
    async def embed(request: web.Request, body: EmbedRequest) -> web.StreamResponse: ...

A schema violation is 400, whatever part of the request it is in (in the path: 404, there is no such resource).
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import orjson
from aiohttp import hdrs, web
from aiohttp.http_exceptions import BadHttpMessage
from aiohttp.web_protocol import RequestPayloadError
from pydantic import BaseModel, ConfigDict, ValidationError

from ai_stack.service.auth import Scope
from ai_stack.service.errors import (
    BadRequest,
    NotFound,
    PayloadTooLarge,
    RequestTimeout,
    UnsupportedMediaType,
)

RateClass = Literal["interactive", "ingest"]
ErrorFormat = Literal["default", "openai"]
Handler = Callable[..., Awaitable[Any]]
M = TypeVar("M", bound=BaseModel)

#: Deepest nesting of a request's JSON. What is stored must be writable again, and orjson writes 254 levels at most.
MAX_JSON_DEPTH = 64

#: What a body may be compressed with (RFC 9110 section 8.4.1).
CONTENT_ENCODINGS = frozenset(("identity", "gzip", "deflate"))


class RequestModel(BaseModel):
    """A request: unknown keys are errors, types are not converted, NaN and infinities are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class QueryModel(BaseModel):
    """Query or path parameters: these arrive as text and are converted."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One route. `response` None means a body that no schema describes."""

    method: str
    path: str
    handler: Handler
    scope: Scope
    rate: RateClass | None
    body: type[BaseModel] | None
    query: type[BaseModel] | None
    path_params: type[BaseModel] | None
    response: Any
    response_status: int
    response_type: str
    errors: tuple[int, ...]
    summary: str
    description: str
    tags: tuple[str, ...]
    error_format: ErrorFormat
    max_body_bytes: int | None
    streaming: bool

    @property
    def template(self) -> str:
        """The path without regular expressions, as OpenAPI and the metrics show it."""
        return re.sub(r"\{(\w+):[^{}]+\}", r"{\1}", self.path)


def endpoint(
    method: str,
    path: str,
    *,
    scope: Scope,
    summary: str,
    rate: RateClass | None = "interactive",
    body: type[BaseModel] | None = None,
    query: type[BaseModel] | None = None,
    path_params: type[BaseModel] | None = None,
    response: Any = None,
    response_status: int = 200,
    response_type: str = "application/json",
    errors: Iterable[int] = (),
    tags: Iterable[str] = (),
    error_format: ErrorFormat = "default",
    max_body_bytes: int | None = None,
    streaming: bool = False,
) -> Callable[[Handler], Endpoint]:
    """Declare a handler as an endpoint.

    Args:
        method: HTTP method; a GET endpoint answers HEAD as well.
        path: path template, `{name}` for parameters; `{name:[0-9]+}` where a sibling route would match, too.
        scope: what the caller's key must allow; "public" needs no key.
        rate: class of the rate limit, None for no limit.
        body, query, path_params: models; the handler gets each declared one as keyword `body`, `query`, `path`.
        response: type of the answer, for the OpenAPI document (a model or any type that pydantic can describe).
        errors: statuses beside those that follow from the declaration itself; a further success is listed here, too.
        max_body_bytes: in place of the service's setting.
        streaming: the answer may take longer than `request_timeout`.
    """

    def declare(handler: Handler) -> Endpoint:
        return Endpoint(
            method=method,
            path=path,
            handler=handler,
            scope=scope,
            rate=rate,
            body=body,
            query=query,
            path_params=path_params,
            response=response,
            response_status=response_status,
            response_type=response_type,
            errors=tuple(errors),
            summary=summary,
            description=" ".join((handler.__doc__ or "").split()),
            tags=tuple(tags),
            error_format=error_format,
            max_body_bytes=max_body_bytes,
            streaming=streaming,
        )

    return declare


def json_response(data: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Answer with JSON. `data` is a model or anything that orjson writes, numpy arrays included."""
    if isinstance(data, BaseModel):
        payload = data.model_dump_json(by_alias=True).encode()
    else:
        payload = orjson.dumps(data, option=orjson.OPT_SERIALIZE_NUMPY)
    return web.Response(body=payload, status=status, headers=headers, content_type="application/json")


async def read_arguments(
    request: web.Request, target: Endpoint, *, max_body_bytes: int, body_timeout: float
) -> dict[str, BaseModel]:
    """Return the handler's keyword arguments, read from the request and validated.

    Raises:
        BadRequest, NotFound, PayloadTooLarge, RequestTimeout, UnsupportedMediaType
    """
    arguments: dict[str, BaseModel] = {}
    if target.path_params is not None:
        try:
            arguments["path"] = target.path_params.model_validate(_without_nul(dict(request.match_info)))
        except (ValidationError, BadRequest):
            raise NotFound("not found") from None
    if target.query is not None:
        arguments["query"] = _validate_query(request, target.query)
    if target.body is not None:
        if request.content_type != "application/json":
            raise UnsupportedMediaType("the body must be application/json")
        if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() not in CONTENT_ENCODINGS:
            raise UnsupportedMediaType("this content encoding is not supported")
        limit = target.max_body_bytes or max_body_bytes
        arguments["body"] = parse_json(await read_body(request, limit, body_timeout), target.body)
    return arguments


async def read_body(request: web.Request, limit: int, timeout: float) -> bytes:
    """Return the request's body, decompressed.

    Raises:
        BadRequest: it cannot be decompressed, or ends early.
        PayloadTooLarge: it has more than `limit` bytes (as soon as that is known).
        RequestTimeout: it is not complete after `timeout` seconds.
    """
    if (request.content_length or 0) > limit:
        raise PayloadTooLarge(f"the body may have at most {limit} bytes")
    parts = bytearray()
    try:
        # A body that came with its head, as most do, needs no timer.
        async with nullcontext() if request.content.is_eof() else asyncio.timeout(timeout):
            async for part in request.content.iter_any():
                parts += part
                if len(parts) > limit:
                    raise PayloadTooLarge(f"the body may have at most {limit} bytes")
    except (RequestPayloadError, BadHttpMessage):
        raise BadRequest("the body is damaged", headers={hdrs.CONNECTION: "close"}) from None
    except TimeoutError:
        raise RequestTimeout("the body did not arrive in time", headers={hdrs.CONNECTION: "close"}) from None
    return bytes(parts)


def parse_json(raw: bytes, model: type[M]) -> M:
    """Validate JSON text against a model.

    Raises:
        BadRequest: malformed, nested too deeply, with NUL characters, or not what the model describes.
    """
    try:
        # RFC 8259 to the letter (pydantic's own parser takes NaN); the models then convert from the text, which in
        # strict mode is the only way to get dates or UUIDs.
        _without_nul(orjson.loads(raw))
    except orjson.JSONDecodeError:
        raise BadRequest("the body is not valid JSON") from None
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        raise BadRequest(describe(error)) from None


def describe(error: ValidationError) -> str:
    """Say what is wrong in one line that names the fields and repeats no input."""
    problems = []
    for item in error.errors(include_url=False, include_input=False, include_context=False)[:5]:
        location = ".".join(str(part) for part in item["loc"])
        message = "unknown field" if item["type"] == "extra_forbidden" else item["msg"].removeprefix("Value error, ")
        problems.append(f"{location}: {message}" if location else message)
    return "; ".join(problems)


def _validate_query(request: web.Request, model: type[BaseModel]) -> BaseModel:
    values: dict[str, Any] = {}
    for name in request.query:
        given = request.query.getall(name)
        if len(given) > 1:
            raise BadRequest(f"{name}: given more than once")
        values[name] = given[0]
    try:
        return model.model_validate(_without_nul(values))
    except ValidationError as error:
        raise BadRequest(describe(error)) from None


def _without_nul(value: Any) -> Any:
    """Refuse NUL in any string (PostgreSQL cannot store it) and JSON nested beyond `MAX_JSON_DEPTH`."""
    level: list[Any] = [value]
    for _ in range(MAX_JSON_DEPTH):
        below: list[Any] = []
        for item in level:
            if isinstance(item, str):
                if "\0" in item:
                    raise BadRequest("NUL characters are not allowed")
            elif isinstance(item, dict):
                below.extend(item.keys())
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
        if not below:
            return value
        level = below
    raise BadRequest(f"JSON is nested more than {MAX_JSON_DEPTH} levels deep")
