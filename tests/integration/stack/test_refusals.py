"""Bad requests, to each of the four services."""

import asyncio
import io
import json
from pathlib import Path

import pytest

from support.fuzz import fuzz
from support.http import api
from support.stack import RunningStack

SERVICES = ("embeddings", "aidb", "nixos-docs", "hybrid-coordinator")
POSTS = {
    "embeddings": ("/embed", {"inputs": "text"}),
    "aidb": ("/vector/search", {"query": "text"}),
    "nixos-docs": ("/search", {"query": "text"}),
    "hybrid-coordinator": ("/augment_query", {"query": "text"}),
}


@pytest.mark.parametrize("service", SERVICES)
async def test_every_refusal_has_its_status(stack: RunningStack, service: str) -> None:
    path, body = POSTS[service]
    text = json.dumps(body).encode()
    as_json = {"Content-Type": "application/json"}
    async with api(stack.services[service], stack.key) as call:
        nobody = call.with_key(None)
        assert (await call("POST", path, json=body)).status == 200
        found = {
            "no key": (await nobody("POST", path, json=body)).status,
            "wrong key": (await call.with_key("ais_x")("POST", path, json=body)).status,
            "unknown route, no key": (await nobody("GET", "/nowhere")).status,
            "unknown route": (await call("GET", "/nowhere")).status,
            "wrong method": (await call("DELETE", path)).status,
            "2 MB": (await call("POST", path, data=io.BytesIO(b" " * 2_000_000), headers=as_json)).status,
            "invalid UTF-8": (await call("POST", path, data=text.replace(b"text", b"\xff"), headers=as_json)).status,
            "NUL": (await call("POST", path, data=text.replace(b"text", b"a\\u0000b"), headers=as_json)).status,
            "nested": (await call("POST", path, data=b'{"a":' * 100_000, headers=as_json)).status,
            "not JSON": (await call("POST", path, data=b"{", headers=as_json)).status,
            "other type": (await call("POST", path, data=text, headers={"Content-Type": "text/plain"})).status,
            "empty object": (await call("POST", path, json={})).status,
        }
        assert (await nobody("GET", "/health")).status == 200
    assert found == {
        "no key": 401,
        "wrong key": 401,
        "unknown route, no key": 401,
        "unknown route": 404,
        "wrong method": 405,
        "2 MB": 413,
        "invalid UTF-8": 400,
        "NUL": 400,
        "nested": 400,
        "not JSON": 400,
        "other type": 415,
        "empty object": 400,
    }


async def test_the_users_key_may_write_but_not_administrate(stack: RunningStack) -> None:
    key = (stack.state / "api-key").read_text().strip()
    async with api(stack.services["nixos-docs"], key) as call:
        assert (await call("POST", "/sync")).status == 403


@pytest.mark.parametrize("service", SERVICES)
async def test_2000_idle_connections_do_not_keep_others_out(stack: RunningStack, service: str) -> None:
    host, _, port = stack.services[service].removeprefix("http://").partition(":")
    writers = []
    try:
        for _ in range(20):
            opened = await asyncio.gather(*(asyncio.open_connection(host, int(port)) for _ in range(100)))
            writers += [writer for _, writer in opened]
        path, body = POSTS[service]
        async with api(stack.services[service], stack.key) as call:
            assert (await call("POST", path, json=body)).status == 200
    finally:
        for writer in writers:
            writer.close()


@pytest.mark.parametrize("service", [*SERVICES, "status-page"])
async def test_no_generated_request_gets_an_undocumented_answer(
    stack: RunningStack, service: str, tmp_path: Path
) -> None:
    # No language model is configured here, which is what this route says, with 501.
    exclude = ("/v1/chat/completions",) if service == "hybrid-coordinator" else ()
    await fuzz(stack.services[service], stack.key, directory=tmp_path, exclude=exclude)
