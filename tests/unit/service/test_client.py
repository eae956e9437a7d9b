import asyncio
import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import aiohttp
import numpy as np
import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from opentelemetry import trace
from pydantic import SecretStr

from ai_stack.service import tracing
from ai_stack.service.client import CredentialsRefused, RemoteError, ServiceClient, client_session
from ai_stack.service.context import request_id
from ai_stack.service.resilience import (
    CircuitOpen,
    DependencyError,
    DependencyTimeout,
    DependencyUnavailable,
    Guard,
    Policy,
    deadline,
)
from support.spans import MemoryPipeline

KEY = "k3y-that-nobody-may-see"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Remote:
    """A service that answers every request with `handler` and keeps what it received."""

    def __init__(self, handler: Handler) -> None:
        self.requests: list[web.Request] = []
        self.bodies: list[bytes] = []
        self._handler = handler

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        self.bodies.append(await request.read())
        return await self._handler(request)


@asynccontextmanager
async def _calling(
    remote: Remote, *, policy: Policy | None = None, prefix: str = "", **options: Any
) -> AsyncIterator[ServiceClient]:
    app = web.Application(client_max_size=16 * 1024**2)
    app.router.add_route("*", "/{path:.*}", remote.answer)
    async with TestServer(app, host="127.0.0.1") as server, client_session() as session:
        yield ServiceClient(
            name="embeddings",
            base_url=str(server.make_url(prefix or "/")),
            session=session,
            guard=Guard("embeddings", policy or Policy(backoff_initial=0.0)),
            **{"api_key": SecretStr(KEY), **options},
        )


def _always(status: int, body: Any = None, **options: Any) -> Remote:
    async def handler(_request: web.Request) -> web.Response:
        return web.json_response(body, status=status, **options)

    return Remote(handler)


def _text(text: str, status: int = 200, content_type: str = "text/html") -> Remote:
    async def handler(_request: web.Request) -> web.Response:
        return web.Response(text=text, status=status, content_type=content_type)

    return Remote(handler)


def _statuses(*statuses: int, headers: dict[str, str] | None = None) -> Remote:
    left = list(statuses)

    async def handler(_request: web.Request) -> web.Response:
        status = left.pop(0)
        return web.json_response({"status": status}, status=status, headers=headers if status >= 400 else None)

    return Remote(handler)


@contextmanager
def _bound_request_id(value: str) -> Iterator[None]:
    token = request_id.set(value)
    try:
        yield
    finally:
        request_id.reset(token)


# Requests


async def test_a_request_carries_body_key_and_request_id_and_brings_back_the_answer() -> None:
    remote = _always(200, {"vectors": [[1.0]]})
    async with _calling(remote, prefix="/embeddings/") as client:
        with _bound_request_id("abc"):
            answer = await client.request_json("POST", "/embed", json={"inputs": ["é"]}, params={"limit": 3})
    assert answer == {"vectors": [[1.0]]}
    (request,) = remote.requests
    assert (request.method, request.path_qs) == ("POST", "/embeddings/embed?limit=3")
    assert request.headers["X-API-Key"] == KEY
    assert request.headers["X-Request-ID"] == "abc"
    assert request.headers["Content-Type"] == "application/json"
    assert orjson.loads(remote.bodies[0]) == {"inputs": ["é"]}


async def test_without_a_body_a_key_and_a_request_none_is_sent() -> None:
    remote = _always(200, [])
    async with _calling(remote, api_key=None) as client:
        assert await client.request_json("GET", "documents") == []
    assert not {"X-API-Key", "X-Request-ID", "Content-Type"} & set(remote.requests[0].headers)


async def test_arrays_are_encoded_as_lists() -> None:
    remote = _always(200)
    async with _calling(remote) as client:
        await client.request_json("POST", "/search", json={"vector": np.array([0.5, 2.0], dtype=np.float32)})
    assert remote.bodies == [b'{"vector":[0.5,2.0]}']


async def test_a_large_body_is_sent_whole() -> None:
    remote = _always(200, {})
    async with _calling(remote) as client:
        await client.request_json("POST", "/documents", json={"content": "x" * 2_000_000})
    assert len(remote.bodies[0]) == 2_000_000 + len('{"content":""}')


async def test_a_body_that_cannot_be_encoded_is_the_callers_error() -> None:
    remote = _always(200)
    async with _calling(remote) as client:
        with pytest.raises(TypeError):
            await client.request_json("POST", "/x", json={"value": object()})
    assert remote.requests == []


@pytest.mark.parametrize("path", ["/documents/../admin", "..", "/./x"])
async def test_a_path_cannot_lead_elsewhere(path: str) -> None:
    remote = _always(200)
    async with _calling(remote, prefix="/aidb/") as client:
        with pytest.raises(ValueError, match="segments"):
            await client.request_json("GET", path)
    assert remote.requests == []


async def test_characters_of_a_path_keep_their_meaning() -> None:
    remote = _always(200)
    async with _calling(remote) as client:
        await client.request_json("GET", "//host/a?b#c%2e%2e")
    assert remote.requests[0].raw_path == "/host/a%3Fb%23c%252e%252e"


@pytest.mark.parametrize("url", ["ftp://host", "host:8081", "http://", "http://user:secret@host/"])
async def test_an_address_that_is_none_or_holds_credentials_is_refused(url: str) -> None:
    async with client_session() as session:
        with pytest.raises(ValueError, match="address of embeddings") as caught:
            ServiceClient(name="embeddings", base_url=url, session=session, guard=Guard("embeddings", Policy()))
    assert "secret" not in str(caught.value)


# Answers


async def test_an_answer_without_content_is_none() -> None:
    async def handler(_request: web.Request) -> web.Response:
        return web.Response(status=204)

    async with _calling(Remote(handler)) as client:
        assert await client.request_json("DELETE", "/documents/1") is None


@pytest.mark.parametrize("remote", [_text("<html>"), _text(""), _text('{"cut": ', content_type="application/json")])
async def test_an_answer_that_is_not_json_is_a_failure(remote: Remote) -> None:
    async with _calling(remote) as client:
        with pytest.raises(DependencyUnavailable):
            await client.request_json("POST", "/embed", json={})


@pytest.mark.parametrize("chunked", [False, True])
async def test_an_answer_beyond_the_bound_is_given_up_and_not_asked_for_again(chunked: bool) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        if not chunked:
            return web.json_response("x" * 5000)
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 1000)
        except ConnectionResetError:
            return response

    remote = Remote(handler)
    async with _calling(remote, max_response_bytes=4000) as client:
        with pytest.raises(DependencyUnavailable):
            await client.request_json("GET", "/")
    assert len(remote.requests) == 1


async def test_the_bound_holds_for_the_decompressed_answer() -> None:
    async def handler(_request: web.Request) -> web.Response:
        response = web.json_response("x" * 1_000_000)
        response.enable_compression(web.ContentCoding.gzip)
        return response

    async with _calling(Remote(handler), max_response_bytes=100_000) as client:
        with pytest.raises(DependencyUnavailable):
            await client.request_json("GET", "/")


async def test_a_redirect_is_not_followed() -> None:
    async def handler(request: web.Request) -> web.Response:
        raise web.HTTPTemporaryRedirect("/elsewhere")

    remote = Remote(handler)
    async with _calling(remote) as client:
        with pytest.raises(DependencyUnavailable):
            await client.request_json("GET", "/")
    assert len(remote.requests) == 1


# Errors of the remote


async def test_a_refusal_passes_on_status_error_and_error_id() -> None:
    remote = _always(422, {"error": "no text in it", "error_id": "0a1b"})
    async with _calling(remote, policy=Policy(failure_threshold=1)) as client:
        for _ in range(2):
            with pytest.raises(RemoteError) as caught:
                await client.request_json("GET", "/")
    assert (caught.value.status, caught.value.error, caught.value.error_id) == (422, "no text in it", "0a1b")
    assert caught.value.message == "no text in it"
    assert len(remote.requests) == 2  # answered, hence neither retried nor counted as a failure


@pytest.mark.parametrize(
    "remote",
    [_text("<h1>nginx</h1>", 404), _always(404, ["x"]), _always(404, {"error": {"stack": "Traceback"}, "error_id": 7})],
)
async def test_of_a_refusal_in_another_form_only_the_status_is_passed_on(remote: Remote) -> None:
    async with _calling(remote) as client:
        with pytest.raises(RemoteError) as caught:
            await client.request_json("GET", "/")
    assert (caught.value.status, caught.value.error, caught.value.error_id) == (404, "Not Found", None)


async def test_a_status_without_a_name_is_passed_on_too() -> None:
    async with _calling(_always(499, {})) as client:
        with pytest.raises(RemoteError) as caught:
            await client.request_json("GET", "/")
    assert (caught.value.status, caught.value.error) == (499, "status 499")


async def test_the_text_of_a_refusal_is_bounded_and_on_one_line() -> None:
    async with _calling(_always(400, {"error": "a\nb\x00" + "c" * 9000})) as client:
        with pytest.raises(RemoteError) as caught:
            await client.request_json("GET", "/")
    assert caught.value.error.startswith("abccc")
    assert len(caught.value.error) <= 500


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_key_is_not_the_clients_fault(status: int) -> None:
    remote = _always(status, {"error": "a valid API key is required", "error_id": "0a1b"})
    async with _calling(remote, policy=Policy(failure_threshold=1)) as client:
        for _ in range(2):
            with pytest.raises(CredentialsRefused) as caught:
                await client.request_json("GET", "/")
    assert caught.value.status == 503
    assert len(remote.requests) == 2


async def test_the_text_of_a_server_error_is_not_passed_on() -> None:
    async with _calling(_always(500, {"error": "secret detail"})) as client:
        with pytest.raises(DependencyUnavailable) as caught:
            await client.request_json("POST", "/", json={})
    assert "secret detail" not in "".join(traceback.format_exception(caught.value))


# Failures


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
async def test_an_idempotent_request_is_sent_again_after_a_passing_failure(status: int) -> None:
    remote = _statuses(status, 200)
    async with _calling(remote) as client:
        assert await client.request_json("POST", "/embed", json=["a"], idempotent=True) == {"status": 200}
    assert remote.bodies == [b'["a"]', b'["a"]']


async def test_a_function_that_the_remote_does_not_have_is_not_asked_for_again() -> None:
    remote = _statuses(501, 200)
    async with _calling(remote) as client:
        with pytest.raises(DependencyUnavailable):
            await client.request_json("GET", "/")
    assert len(remote.requests) == 1


@pytest.mark.parametrize(("method", "sent"), [("GET", 2), ("PUT", 2), ("DELETE", 2), ("POST", 1), ("PATCH", 1)])
async def test_unless_told_the_method_decides_whether_to_send_again(method: str, sent: int) -> None:
    remote = _always(503)
    async with _calling(remote, policy=Policy(attempts=2, backoff_initial=0.0)) as client:
        with pytest.raises(DependencyUnavailable):
            await client.request_json(method, "/")
    assert len(remote.requests) == sent


async def test_a_request_to_slow_down_reaches_the_client() -> None:
    remote = _statuses(429, 200, headers={"Retry-After": "30"})
    async with _calling(remote) as client:
        with pytest.raises(DependencyUnavailable) as caught:
            await client.request_json("GET", "/")
    assert caught.value.headers == {"Retry-After": "30"}
    assert len(remote.requests) == 1


@pytest.mark.parametrize("value", ["Wed, 21 Oct 2026 07:28:00 GMT", "-1", "1e9", "²", "9" * 400, ""])
async def test_a_pause_in_a_form_not_understood_is_ignored(value: str) -> None:
    remote = _statuses(503, 200, headers={"Retry-After": value})
    async with _calling(remote) as client:
        assert await client.request_json("GET", "/") == {"status": 200}


async def test_a_remote_that_is_gone_opens_the_circuit() -> None:
    remote = _always(200)
    async with _calling(remote, policy=Policy(failure_threshold=2)) as client:
        pass
    async with client_session() as session:
        gone = ServiceClient(
            name="embeddings",
            base_url=str(client._base_url),
            session=session,
            guard=Guard("embeddings", Policy(failure_threshold=2)),
        )
        for _ in range(2):
            with pytest.raises(DependencyUnavailable):
                await gone.request_json("POST", "/")
        with pytest.raises(CircuitOpen):
            await gone.request_json("POST", "/")


async def test_a_connection_dropped_in_the_middle_of_an_answer_is_a_failure() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100", "Content-Type": "application/json"})
        await response.prepare(request)
        await response.write(b'{"a":')
        assert request.transport is not None
        request.transport.close()
        return response

    async with _calling(Remote(handler)) as client:
        with pytest.raises(DependencyUnavailable):
            await client.request_json("POST", "/")


async def test_a_remote_that_does_not_answer_is_given_up_at_the_timeout_and_at_the_deadline() -> None:
    hold = asyncio.Event()

    async def handler(_request: web.Request) -> web.Response:
        await hold.wait()
        return web.json_response(None)

    async with _calling(Remote(handler)) as client:
        with pytest.raises(DependencyTimeout):
            await client.request_json("POST", "/", timeout=0.02)
        with deadline(0.02), pytest.raises(DependencyTimeout):
            await client.request_json("POST", "/")
        hold.set()


# Secrets


async def test_the_key_is_in_no_representation_and_no_error() -> None:
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(nonsense, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, client_session() as session:
        client = ServiceClient(
            name="embeddings",
            base_url=f"http://127.0.0.1:{port}",
            session=session,
            guard=Guard("embeddings", Policy()),
            api_key=SecretStr(KEY),
        )
        assert KEY not in repr(client) + repr(vars(client))
        with pytest.raises(DependencyError) as caught:
            await client.request_json("POST", "/")
    error: BaseException | None = caught.value
    chain: list[str] = []
    while error is not None:
        chain.append(repr(error))
        error = error.__cause__ or error.__context__
    assert KEY not in "".join(chain)


async def test_a_refused_key_is_logged_without_the_key(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        async with _calling(_always(401, {"error": f"unknown key {KEY}", "error_id": "0a1b"})) as client:
            with pytest.raises(CredentialsRefused):
                await client.request_json("GET", "/")
    records = [record for record in caplog.records if record.name.startswith("ai_stack")]
    assert len(records) == 1
    assert KEY not in str([vars(record) for record in caplog.records])


# Tracing


async def test_each_attempt_is_a_span_of_its_own_that_the_remote_continues(recorded: MemoryPipeline) -> None:
    remote = _statuses(503, 200)
    async with _calling(remote) as client:
        with tracing.span("outer"):
            await client.request_json("GET", "/documents", params={"q": "private"})
    first, second, outer = recorded.exporter.get_finished_spans()
    assert outer.context is not None
    for span, request in zip((first, second), remote.requests, strict=True):
        assert span.name == "GET embeddings"
        assert span.kind is trace.SpanKind.CLIENT
        assert span.context is not None
        assert span.parent is not None
        assert span.parent.span_id == outer.context.span_id
        expected = f"00-{outer.context.trace_id:032x}-{span.context.span_id:016x}-"
        assert request.headers["traceparent"].startswith(expected)
        assert "private" not in str(span.attributes)
    assert first.attributes is not None
    assert second.attributes is not None
    assert first.attributes["http.response.status_code"] == 503
    assert first.status.status_code is trace.StatusCode.ERROR
    assert "http.request.resend_count" not in first.attributes
    assert second.attributes["http.request.resend_count"] == 1
    assert second.status.status_code is trace.StatusCode.UNSET


# Session


async def test_a_session_keeps_no_cookies_and_takes_other_options() -> None:
    async def handler(_request: web.Request) -> web.Response:
        response = web.json_response(None)
        response.set_cookie("session", "1")
        return response

    remote = Remote(handler)
    async with _calling(remote) as client:
        await client.request_json("GET", "/")
        await client.request_json("GET", "/")
    assert "Cookie" not in remote.requests[1].headers
    async with client_session(timeout=aiohttp.ClientTimeout(total=7)) as session:
        assert session.timeout.total == 7
    connector = aiohttp.TCPConnector(limit=3)
    async with client_session(connector=connector) as session:
        assert session.connector is connector
