"""Clients that hold connections, and the end of a service."""

import asyncio
import contextlib
import json
import logging
import socket
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest

from ai_stack.service.notify import Notifier
from ai_stack.service.runner import serve
from support.http import Api, Keys, api, running
from support.waiting import PATIENCE

from .toy import RELEASE, STARTED, create_app, toy_settings

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def address(base: str) -> tuple[str, int]:
    host, _, port = base.removeprefix("http://").partition(":")
    return host, int(port)


@contextlib.asynccontextmanager
async def connections(base: str, count: int) -> AsyncIterator[list[Connection]]:
    opened: list[Connection] = []
    try:
        for _ in range(0, count, 100):
            batch = (asyncio.open_connection(*address(base)) for _ in range(min(100, count - len(opened))))
            opened += await asyncio.gather(*batch)
        yield opened
    finally:
        for _, writer in opened:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for _, writer in opened), return_exceptions=True)


async def accepts_connections(base: str) -> bool:
    try:
        _, writer = await asyncio.open_connection(*address(base))
    except OSError:
        return False
    writer.close()
    return True


async def test_2000_idle_connections_disturb_nobody_and_are_closed(keys: Keys) -> None:
    app = create_app(toy_settings(keys.path, idle_timeout=2.0))
    async with running(app) as base, connections(base, 2000) as idle, api(base, keys.read) as client:
        assert (await client("GET", "/items")).status == 200
        async with asyncio.timeout(PATIENCE):
            closed = await asyncio.gather(*(reader.read() for reader, _ in idle))
        assert closed == [b""] * 2000


async def test_connections_beyond_the_limit_are_refused_at_once(keys: Keys) -> None:
    app = create_app(toy_settings(keys.path, max_connections=3))
    async with running(app) as base, connections(base, 3):
        async with connections(base, 1) as [(reader, _)], asyncio.timeout(PATIENCE):
            refusal = await reader.read()
        assert refusal.startswith(b"HTTP/1.1 503 ")
        assert b"X-Request-ID: " in refusal
        assert refusal.endswith(b'"}')


async def test_a_client_that_trickles_its_head_is_cut_off(keys: Keys) -> None:
    app = create_app(toy_settings(keys.path, idle_timeout=0.5))
    async with running(app) as base, connections(base, 1) as [(reader, writer)]:
        started = time.monotonic()
        with contextlib.suppress(ConnectionError):
            while not reader.at_eof() and time.monotonic() - started < 10:
                writer.write(b"G" if time.monotonic() == started else b"E")
                await writer.drain()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.1):
                        if await reader.read(1) == b"":
                            break
        assert time.monotonic() - started < 10


async def test_a_client_that_trickles_its_body_gets_408(keys: Keys) -> None:
    app = create_app(toy_settings(keys.path, body_timeout=0.3))
    async with running(app) as base, connections(base, 1) as [(reader, writer)]:
        writer.write(
            b"POST /greet HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n"
            b"X-API-Key: " + keys.read.encode() + b"\r\n\r\n{"
        )
        async with asyncio.timeout(PATIENCE):
            answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 408 ")


HEAD = b"POST /greet HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("garbage", "status"),
    [
        (b"\x16\x03\x01\x02\x00", 400),
        (b"GET\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"GET /items?q=hunter2" + b"x" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET http://[::1/hunter2 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /items HTTP/1.1\r\nHost: x\r\nX-API-Key: hunter2\0\r\n\r\n", 400),
        (b"GET /items HTTP/1.1\r\nHost: x\r\nhunter2 X: y\r\n\r\n", 400),
        (HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400),
        (HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nhunter2\r\n", 400),
        (HEAD + b"Content-Encoding: br\r\nContent-Length: 2\r\n\r\n{}", 415),
        (HEAD + b"Expect: a-miracle\r\nContent-Length: 2\r\n\r\n{}", 417),
    ],
    ids=lambda value: value[:40].decode("latin-1") if isinstance(value, bytes) else str(value),
)
async def test_what_is_not_http_is_refused_in_the_form_of_all_errors(
    toy: Api, caplog: pytest.LogCaptureFixture, garbage: bytes, status: int
) -> None:
    caplog.set_level(logging.INFO)
    async with connections(toy.base, 1) as [(reader, writer)]:
        writer.write(garbage)
        async with asyncio.timeout(PATIENCE):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = head.partition("content-length: ")[2].partition("\r\n")[0]
            body = json.loads(await reader.readexactly(int(length)))
    assert head.split(" ")[1] == str(status)
    assert "\r\nx-request-id: " in head
    assert "aiohttp" not in head
    assert set(body) == {"error", "error_id"}
    assert "hunter2" not in str(body)
    assert any(body["error_id"] in str(record.msg) for record in caplog.records)
    assert "hunter2" not in str([record.msg for record in caplog.records])
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    text = (await toy("GET", "/metrics")).body.decode()
    assert f'toy_request_errors_total{{endpoint="unmatched",method="other",status="{status}"}} 1' in text
    assert (await toy("GET", "/items")).status == 200


async def test_a_running_request_is_finished_before_the_service_ends(keys: Keys) -> None:
    app = create_app(toy_settings(keys.path))
    async with aiohttp.ClientSession() as session, contextlib.AsyncExitStack() as stack:
        base = await stack.enter_async_context(running(app))
        request = asyncio.create_task(_get(session, f"{base}/wait", keys.read))
        await asyncio.wait_for(app[STARTED].wait(), PATIENCE)
        ending = asyncio.create_task(stack.aclose())
        async with asyncio.timeout(PATIENCE):
            while await accepts_connections(base):
                await asyncio.sleep(0.01)
        assert not request.done()
        app[RELEASE].set()
        assert await asyncio.wait_for(request, 10) == 200
        await asyncio.wait_for(ending, 10)


async def test_requests_that_wait_to_be_accepted_are_answered_before_the_service_ends(keys: Keys) -> None:
    app = create_app(toy_settings(keys.path))
    request = b"GET /items HTTP/1.1\r\nHost: x\r\nX-API-Key: " + keys.read.encode() + b"\r\n\r\n"
    with contextlib.ExitStack() as sockets:
        async with running(app) as base:
            # Without a turn of the event loop in between: only the kernel knows of these connections.
            waiting = [
                sockets.enter_context(socket.create_connection(address(base), timeout=PATIENCE)) for _ in range(20)
            ]
            for client in waiting:
                client.sendall(request)
        for client in waiting:
            answer = b"".join(iter(lambda client=client: client.recv(65536), b""))  # type: ignore[misc]
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert b"\r\nConnection: close\r\n" in answer


async def test_a_request_that_does_not_end_is_cut_off_at_the_bound(keys: Keys) -> None:
    app = create_app(toy_settings(keys.path, shutdown_timeout=0.3))
    async with aiohttp.ClientSession() as session, contextlib.AsyncExitStack() as stack:
        base = await stack.enter_async_context(running(app))
        request = asyncio.create_task(_get(session, f"{base}/wait", keys.read))
        await asyncio.wait_for(app[STARTED].wait(), PATIENCE)
        await asyncio.wait_for(stack.aclose(), 10)
        with pytest.raises(aiohttp.ClientError):
            await request


async def test_the_manager_hears_ready_then_stopping(keys: Keys) -> None:
    class Recorder(Notifier):
        def __init__(self) -> None:
            super().__init__({})
            self.sent: list[str] = []
            self.is_ready = asyncio.Event()

        def _send(self, message: str) -> None:
            self.sent.append(message)
            if message == "READY=1":
                self.is_ready.set()

    notifier, stop = Recorder(), asyncio.Event()
    task = asyncio.create_task(serve(create_app(toy_settings(keys.path)), notifier=notifier, stop=stop))
    await asyncio.wait_for(notifier.is_ready.wait(), 10)
    stop.set()
    await asyncio.wait_for(task, 10)
    assert notifier.sent == ["STATUS=starting", "READY=1", "STATUS=serving", "STOPPING=1"]


async def _get(session: aiohttp.ClientSession, url: str, key: str) -> int:
    async with session.get(url, headers={"X-API-Key": key}) as response:
        await response.read()
        return response.status
