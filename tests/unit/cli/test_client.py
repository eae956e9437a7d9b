"""Calls to a running stack."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import web

from ai_stack.cli import client as client_module
from ai_stack.cli.client import connected
from ai_stack.local.errors import LocalError
from support.fake_stack import FakeStack


async def test_no_stack_and_no_key_are_explained(fake: FakeStack, tmp_path: Path) -> None:
    with pytest.raises(LocalError, match=r"no stack is running in .*: start one with `ai-stack up`"):
        async with connected(tmp_path / "empty"):
            pass
    (fake.state / "api-key").unlink()
    with pytest.raises(LocalError, match="cannot read the API key in"):
        async with connected(fake.state):
            pass


async def test_a_service_that_does_not_listen_is_explained_with_the_remedy(fake: FakeStack) -> None:
    async with connected(fake.state) as client:
        client._urls["aidb"] = "http://127.0.0.1:1"
        with pytest.raises(
            LocalError, match=r"does not answer GET /stats \(ClientConnectorError\): see `ai-stack status`"
        ):
            await client.call("aidb", "GET", "/stats")
        with pytest.raises(LocalError, match="the stack has no service tea"):
            await client.call("tea", "GET", "/")


async def test_an_answer_that_is_not_json_is_explained(fake: FakeStack) -> None:
    async def html(_: web.Request) -> web.Response:
        return web.Response(text="<p>")

    async def bad_gateway(_: web.Request) -> web.Response:
        return web.Response(status=502, text="<p>")

    fake.routes |= {"GET /html": html, "GET /gateway": bad_gateway}
    async with connected(fake.state) as client:
        with pytest.raises(LocalError, match="does not answer GET /html"):
            await client.call("aidb", "GET", "/html")
        with pytest.raises(LocalError, match="answered 502 to GET /gateway: Bad Gateway"):
            await client.call("aidb", "GET", "/gateway")


async def test_waiting_ends_after_a_number_of_attempts(fake: FakeStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "LONGEST_PAUSE", 0)

    async def busy(_: web.Request) -> web.Response:
        return web.json_response({"error": "busy", "error_id": "1"}, status=429, headers={"Retry-After": "1"})

    fake.routes["GET /stats"] = busy
    async with connected(fake.state) as client:
        with pytest.raises(LocalError, match="answered 429"):
            await asyncio.wait_for(client.call("aidb", "GET", "/stats"), 20)
    assert len(fake.requests) == client_module.ATTEMPTS
