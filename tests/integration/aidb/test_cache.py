"""Vectors of queries and answers of searches in a real Valkey."""

import asyncio
from typing import Any

import pytest

from support.http import Api
from support.stores import ValkeyFixture
from support.waiting import eventually

from .conftest import Start
from .fakes import FakeEmbeddings
from .test_documents import GUIDE, put


async def counted(aidb: Api, name: str) -> float:
    text = (await aidb("GET", "/metrics")).body.decode()
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name))


async def search(aidb: Api, query: str, limit: int = 10) -> Any:
    answer = await aidb("POST", "/search", json={"query": query, "limit": limit})
    assert answer.json["degraded"] is False
    assert answer.json["results"]
    return answer.json["results"]


async def test_the_second_search_for_a_text_needs_no_model(
    start: Start, valkey: ValkeyFixture, embeddings: FakeEmbeddings
) -> None:
    parameters = await asyncio.to_thread(valkey.fresh)
    async with start(redis_url=parameters.url, redis_password=parameters.password) as aidb:
        await put(aidb, "a.md", GUIDE)
        await search(aidb, "nightly timer")
        requests = embeddings.requests
        await search(aidb, "nightly timer", limit=9)

        assert embeddings.requests == requests
        assert await counted(aidb, 'aidb_cache_hits_total{cache="embeddings"') == 1
        assert await counted(aidb, 'aidb_cache_misses_total{cache="embeddings"') == 1
        assert await counted(aidb, "aidb_redis_pool_max_connections") == 50
        keys: Any = await asyncio.to_thread(lambda: parameters.client().keys("aidb:embeddings:*"))
        assert len(keys) == 1
        assert 0 < await asyncio.to_thread(lambda: parameters.client().ttl(keys[0])) <= 86400
        ready = await aidb("GET", "/health/ready")
        assert ready.json["details"]["redis"]["status"] == "healthy"


async def test_a_damaged_entry_is_a_miss(start: Start, valkey: ValkeyFixture, embeddings: FakeEmbeddings) -> None:
    parameters = await asyncio.to_thread(valkey.fresh)
    async with start(redis_url=parameters.url, redis_password=parameters.password) as aidb:
        await put(aidb, "a.md", GUIDE)
        await search(aidb, "nightly timer")
        client = parameters.client()
        key: Any = (await asyncio.to_thread(lambda: client.keys("aidb:embeddings:*")))[0]
        for limit, damage in enumerate((b"abc", b"\0" * 1536), start=1):
            await asyncio.to_thread(client.set, key, damage)
            requests = embeddings.requests
            await search(aidb, "nightly timer", limit)
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
            for limit in range(1, 9):
                await search(aidb, "nightly timer", limit)
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


async def test_the_same_search_is_answered_from_the_cache_until_something_changes(
    start: Start, valkey: ValkeyFixture
) -> None:
    parameters = await asyncio.to_thread(valkey.fresh)
    async with start(redis_url=parameters.url, redis_password=parameters.password) as aidb:
        await put(aidb, "a.md", GUIDE)
        first = await search(aidb, "nightly timer")
        assert await search(aidb, "nightly timer") == first
        assert await counted(aidb, 'aidb_cache_hits_total{cache="vector_search"') == 1

        found: Any = await asyncio.to_thread(lambda: parameters.client().keys("aidb:vector_search:*"))
        client = parameters.client()
        assert 0 < await asyncio.to_thread(client.ttl, found[0]) <= 300
        await asyncio.to_thread(client.set, found[0], b"{")
        assert await search(aidb, "nightly timer") == first


async def test_two_processes_on_one_database_never_show_each_other_what_is_gone(
    start: Start, valkey: ValkeyFixture
) -> None:
    parameters = await asyncio.to_thread(valkey.fresh)
    changes = {"redis_url": parameters.url, "redis_password": parameters.password}
    async with start(**changes) as one, start(**changes) as two:
        for number in range(20):
            stored = await put(one, "a.md", f"# Backups {number}\n\nnightly timer\n")
            for aidb in (two, one):
                assert [hit["title"] for hit in await search(aidb, "nightly timer")] == [f"Backups {number}"]
            assert (await two("DELETE", f"/documents/{stored['id']}")).status == 200
            for aidb in (one, two):
                assert (await aidb("POST", "/search", json={"query": "nightly timer"})).json["results"] == []
        assert await counted(one, 'aidb_cache_hits_total{cache="vector_search"') >= 20


async def test_two_processes_share_an_import(start: Start) -> None:
    lines = "".join(f'{{"path": "{n}.md", "content": "# Page {n}"}}\n' for n in range(400))
    async with start() as one, start() as two:
        headers = {"Content-Type": "application/x-ndjson"}
        job_id = (await one("POST", "/documents/import", data=lines.encode(), headers=headers)).json["id"]

        async def done() -> bool:
            return bool((await two("GET", f"/jobs/{job_id}")).json["state"] == "succeeded")

        await eventually(done)
        assert (await two("GET", f"/jobs/{job_id}")).json["created"] == 400
        assert (await one("GET", "/stats")).json["documents"] == 400
