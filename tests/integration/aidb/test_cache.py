"""Vectors of queries in a real Valkey."""

import asyncio
from typing import Any

import pytest

from support.http import Api
from support.stores import ValkeyFixture

from .conftest import Start, eventually
from .fakes import FakeEmbeddings
from .test_documents import GUIDE, put


async def counted(aidb: Api, name: str) -> float:
    text = (await aidb("GET", "/metrics")).body.decode()
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name))


async def search(aidb: Api, query: str) -> None:
    answer = await aidb("POST", "/search", json={"query": query})
    assert answer.json["degraded"] is False
    assert answer.json["results"]


async def test_the_second_search_for_a_text_needs_no_model(
    start: Start, valkey: ValkeyFixture, embeddings: FakeEmbeddings
) -> None:
    parameters = await asyncio.to_thread(valkey.fresh)
    async with start(redis_url=parameters.url, redis_password=parameters.password) as aidb:
        await put(aidb, "a.md", GUIDE)
        await search(aidb, "nightly timer")
        requests = embeddings.requests
        await search(aidb, "nightly timer")

        assert embeddings.requests == requests
        assert await counted(aidb, "aidb_cache_hits_total") == 1
        assert await counted(aidb, "aidb_cache_misses_total") == 1
        assert await counted(aidb, "aidb_redis_pool_max_connections") == 50
        keys: Any = await asyncio.to_thread(lambda: parameters.client().keys("*"))
        assert [key[:16] for key in keys] == [b"aidb:embeddings:"]
        assert 0 < await asyncio.to_thread(lambda: parameters.client().ttl(keys[0])) <= 86400
        ready = await aidb("GET", "/health/ready")
        assert ready.json["details"]["redis"]["status"] == "healthy"


async def test_a_damaged_entry_is_a_miss(start: Start, valkey: ValkeyFixture, embeddings: FakeEmbeddings) -> None:
    parameters = await asyncio.to_thread(valkey.fresh)
    async with start(redis_url=parameters.url, redis_password=parameters.password) as aidb:
        await put(aidb, "a.md", GUIDE)
        await search(aidb, "nightly timer")
        client = parameters.client()
        key: Any = (await asyncio.to_thread(lambda: client.keys("*")))[0]
        for damage in (b"abc", b"\0" * 1536):
            await asyncio.to_thread(client.set, key, damage)
            requests = embeddings.requests
            await search(aidb, "nightly timer")
            assert embeddings.requests == requests + 1


async def test_searches_go_on_while_the_cache_is_away(
    start: Start, valkey: ValkeyFixture, embeddings: FakeEmbeddings
) -> None:
    parameters = await asyncio.to_thread(valkey.fresh)
    async with start(redis_url=parameters.url, redis_password=parameters.password) as aidb:
        await put(aidb, "a.md", GUIDE)
        await search(aidb, "nightly timer")
        await asyncio.to_thread(valkey.server.kill)
        try:
            for _ in range(8):
                await search(aidb, "nightly timer")
            ready = await aidb("GET", "/health/ready")
            assert (ready.status, ready.json["status"]) == (200, "degraded")
            assert (await aidb("GET", "/health")).json["redis"] == "unavailable"
        finally:
            # On the main thread, see `test_degradation`.
            valkey.server.start()

        async def hit() -> bool:
            await search(aidb, "nightly timer")
            return await counted(aidb, "aidb_cache_hits_total") > 0

        await eventually(hit)


async def test_a_wrong_password_for_the_cache_costs_only_the_cache(start: Start, valkey: ValkeyFixture) -> None:
    parameters = await asyncio.to_thread(valkey.fresh)
    async with start(redis_url=parameters.url, redis_password="wrong") as aidb:
        await put(aidb, "a.md", GUIDE)
        await search(aidb, "nightly timer")


@pytest.mark.parametrize("password", [None, "secret"])
async def test_without_a_cache_nothing_is_missing(start: Start, password: str | None) -> None:
    async with start(redis_password=password) as aidb:
        await put(aidb, "a.md", GUIDE)
        await search(aidb, "nightly timer")
        assert (await aidb("GET", "/health")).json["redis"] == "disabled"
