"""Clients that hold connections, and the end of a service."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest

from ai_stack.service.notify import Notifier
from ai_stack.service.runner import serve
from support.http import Api, Keys, api, running

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
        async with asyncio.timeout(30):
            closed = await asyncio.gather(*(reader.read() for reader, _ in idle))
        assert closed == [b""] * 2000


async def test_connections_beyond_the_limit_are_refused_at_once(keys: Keys) -> None:
    app = create_app(toy_settings(keys.path, max_connections=3))
    async with running(app) as base, connections(base, 3):
        async with connections(base, 1) as [(reader, _)], asyncio.timeout(5):
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
        async with asyncio.timeout(10):
            answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("garbage", [b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"])
async def test_what_is_not_http_does_not_reach_the_service(toy: Api, garbage: bytes) -> None:
    async with connections(toy.base, 1) as [(reader, writer)]:
        writer.write(garbage)
        writer.write_eof()
        async with asyncio.timeout(10):
            answer = await reader.read()
    assert answer == b"" or answer.startswith((b"HTTP/1.0 400", b"HTTP/1.1 400"))
    assert (await toy("GET", "/items")).status == 200


async def test_a_running_request_is_finished_before_the_service_ends(keys: Keys) -> None:
    app = create_app(toy_settings(keys.path))
    async with aiohttp.ClientSession() as session, contextlib.AsyncExitStack() as stack:
        base = await stack.enter_async_context(running(app))
        request = asyncio.create_task(_get(session, f"{base}/wait", keys.read))
        await asyncio.wait_for(app[STARTED].wait(), 5)
        ending = asyncio.create_task(stack.aclose())
        async with asyncio.timeout(10):
            while await accepts_connections(base):
                await asyncio.sleep(0.01)
        assert not request.done()
        app[RELEASE].set()
        assert await asyncio.wait_for(request, 10) == 200
        await asyncio.wait_for(ending, 10)


async def test_a_request_that_does_not_end_is_cut_off_at_the_bound(keys: Keys) -> None:
    app = create_app(toy_settings(keys.path, shutdown_timeout=0.3))
    async with aiohttp.ClientSession() as session, contextlib.AsyncExitStack() as stack:
        base = await stack.enter_async_context(running(app))
        request = asyncio.create_task(_get(session, f"{base}/wait", keys.read))
        await asyncio.wait_for(app[STARTED].wait(), 5)
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
