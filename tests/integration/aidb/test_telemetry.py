"""Events of what the service did, and their summary."""

import asyncio
from datetime import timedelta
from typing import Any

import psycopg2
import pytest

from ai_stack.aidb.migrate import migrate
from ai_stack.aidb.telemetry import MOST_WAITING, Telemetry
from ai_stack.local.postgres import ConnectionParameters
from ai_stack.service.metrics import ServiceMetrics
from support.http import Api, Keys, api
from support.stores import ValkeyFixture
from support.waiting import eventually

from .conftest import Start
from .fakes import FakeEmbeddings
from .test_cache import counted
from .test_database import opened
from .test_documents import GUIDE, put, rows
from .test_jobs import finished, import_, page
from .test_migrations import ALL, connected

#: The migration that this is about.
VERSION = 5


async def summary(aidb: Api, query: str = "") -> Any:
    answer = await aidb("GET", f"/telemetry/summary{query}")
    assert answer.status == 200, answer.body
    return answer.json


async def test_what_happened_is_summed_up(
    start: Start, valkey: ValkeyFixture, embeddings: FakeEmbeddings, store: ConnectionParameters
) -> None:
    cache = await asyncio.to_thread(valkey.fresh)
    async with start(redis_url=cache.url, redis_password=cache.password) as aidb:
        before = await summary(aidb)
        stored = await put(aidb, "a.md", GUIDE)
        await put(aidb, "a.md", GUIDE)
        await put(aidb, "a.md", GUIDE + "\nMore.\n")
        assert (await aidb("POST", "/documents", json={"path": "b.md", "content": " "})).status == 422
        await finished(aidb, await import_(aidb, page(1), page(2), page(3, content=" ")))
        asked = 0

        async def answered_by_the_cache() -> bool:
            nonlocal asked
            asked += 1
            assert (await aidb("POST", "/search", json={"query": "nightly timer", "limit": 2})).status == 200
            return await counted(aidb, 'aidb_cache_hits_total{cache="vector_search"') == 1

        # What is being embedded begins new epochs, and a cache that is slow for a moment counts as none.
        await eventually(answered_by_the_cache)
        assert (await aidb("POST", "/vector/search", json={"query": "timer", "min_score": 1.0})).json["results"] == []
        assert (await aidb("DELETE", f"/documents/{stored['id']}")).status == 200

        found = await summary(aidb)

    assert (before["total_events"], before["last_event_at"]) == (0, None)
    assert (before["searches"]["latency_ms"], before["searches"]["cache_hit_rate"]) == (None, None)
    searches = found["searches"]
    assert (searches["total"], searches["by_mode"]) == (asked + 1, {"hybrid": asked, "vector": 1})
    assert (searches["empty"], searches["degraded"], searches["cache_hits"]) == (1, 0, 1)
    assert searches["cache_hit_rate"] == pytest.approx(1 / (asked + 1), abs=1e-4)
    assert searches["mean_rag_hits"] == pytest.approx(2 * asked / (asked + 1), abs=1e-3)
    assert 0 < searches["latency_ms"]["p50"] <= searches["latency_ms"]["p95"] <= searches["latency_ms"]["p99"]
    assert found["documents"] == {"created": 1, "updated": 1, "unchanged": 1, "refused": 1, "deleted": 1}
    assert found["imports"] == {"created": 2, "updated": 0, "unchanged": 0, "refused": 1, "deleted": 0}
    assert found["total_events"] == sum(found["events"].values())
    # What cannot be measured here is not invented.
    for name in ("local_events", "remote_events", "tokens_saved", "local_usage_rate", "telemetry_path"):
        assert found[name] is None


async def test_events_hold_nothing_of_what_was_asked_or_stored(aidb: Api, store: ConnectionParameters) -> None:
    await put(aidb, "private-name.md", "# Title\n\nconfidential words\n", project="hidden-project")
    await aidb("POST", "/search", json={"query": "confidential", "project": "hidden-project"})
    await summary(aidb)

    kept = str(await asyncio.to_thread(rows, store, "SELECT e::text FROM telemetry_events e"))

    assert "search" in kept
    assert not any(word in kept for word in ("private", "confidential", "hidden", "Title"))


async def test_a_summary_can_be_about_the_last_while_alone(aidb: Api, store: ConnectionParameters) -> None:
    await put(aidb, "a.md", GUIDE)
    assert (await summary(aidb))["total_events"] == 1
    await asyncio.to_thread(execute, store, "UPDATE telemetry_events SET created_at = now() - interval '2 hours'")

    assert (await summary(aidb, "?seconds=3600"))["total_events"] == 0
    assert (await summary(aidb, "?seconds=10800"))["total_events"] == 1
    assert (await aidb("GET", "/telemetry/summary?seconds=0")).status == 400


async def test_two_processes_are_summed_up_together(start: Start) -> None:
    async with start() as one, start() as two:
        await put(one, "a.md", GUIDE)
        await put(two, "b.md", GUIDE)

        async def both() -> bool:
            return bool((await summary(one))["documents"]["created"] == 2)

        await eventually(both)


async def test_events_of_a_service_that_stops_are_kept(start: Start) -> None:
    async with start() as aidb:
        await put(aidb, "a.md", GUIDE)
    async with start() as aidb:
        assert (await summary(aidb))["documents"]["created"] == 1


async def test_nothing_is_recorded_where_it_is_switched_off(start: Start, store: ConnectionParameters) -> None:
    async with start(telemetry_enabled=False) as aidb:
        await put(aidb, "a.md", GUIDE)
        found = await summary(aidb)

    assert (found["enabled"], found["total_events"]) == (False, 0)
    assert await asyncio.to_thread(rows, store, "SELECT count(*) FROM telemetry_events") == [(0,)]


async def test_a_summary_needs_a_key_that_reads(aidb: Api, keys: Keys) -> None:
    async with api(aidb.base, keys.read) as reader, api(aidb.base, None) as nobody:
        assert (await reader("GET", "/telemetry/summary")).status == 200
        assert (await nobody("GET", "/telemetry/summary")).status == 401


async def test_events_are_bounded_in_number_and_age(store: ConnectionParameters) -> None:
    async with connected(store) as connection:
        await migrate(connection, ALL)
    async with opened(store) as database:
        telemetry = Telemetry(
            database,
            ServiceMetrics("aidb", "aidb_http", "aidb", "1"),
            enabled=True,
            keep=timedelta(hours=1),
            most=100,
            timeout=30.0,
        )
        for number in range(250):
            telemetry.record("documents", {"created": number})
        await telemetry.flush()
        assert await telemetry.clean() == 150
        found = await telemetry.summary()
        assert (found.total_events, found.documents) == (100, {"created": sum(range(150, 250))})

        await asyncio.to_thread(
            execute, store, "UPDATE telemetry_events SET created_at = now() - interval '2 hours' WHERE id % 2 = 0"
        )
        assert await telemetry.clean() == 50
        async with telemetry.running():
            for _ in range(50):
                telemetry.record("documents", {"created": 1})

            async def collected() -> bool:
                return bool((await telemetry.summary()).total_events == 100)

            await eventually(collected)


async def test_events_wait_for_postgres_in_a_bounded_number(store: ConnectionParameters) -> None:
    metrics = ServiceMetrics("aidb", "aidb_http", "aidb", "1")
    # There is no table yet, which is as good as a failure.
    async with opened(store) as database:
        telemetry = Telemetry(database, metrics, enabled=True, keep=timedelta(hours=1), most=MOST_WAITING, timeout=30.0)
        for _ in range(MOST_WAITING + 5):
            telemetry.record("documents", {"created": 1})
        with pytest.raises(psycopg2.errors.UndefinedTable, match="telemetry_events"):
            await telemetry.flush()
        assert b"aidb_telemetry_events_dropped_total 5" in metrics.render()[0]
        async with connected(store) as connection:
            await migrate(connection, ALL)
        assert (await telemetry.summary()).total_events == MOST_WAITING


async def test_no_request_fails_for_its_event(start: Start, store: ConnectionParameters) -> None:
    async with start() as aidb:
        await asyncio.to_thread(execute, store, "ALTER TABLE telemetry_events RENAME TO elsewhere")
        await put(aidb, "a.md", GUIDE)
        assert (await aidb("POST", "/search", json={"query": "timer"})).status == 200
        await asyncio.to_thread(execute, store, "ALTER TABLE elsewhere RENAME TO telemetry_events")

        async def recorded() -> bool:
            return bool((await summary(aidb))["events"] == {"documents": 1, "search": 1})

        await eventually(recorded)


async def test_the_migration_keeps_what_is_stored_both_ways(store: ConnectionParameters) -> None:
    count = "SELECT count(*) FROM documents"
    async with connected(store) as connection:
        await migrate(connection, ALL, target=VERSION - 1)
        await connection.fetch(
            "INSERT INTO documents (project, path, title, content_type, content_hash, size_bytes, metadata, content)"
            " VALUES ('p', 'a', 't', 'text/plain', decode(repeat('00', 32), 'hex'), 1, '{}', 'x')"
        )
        await migrate(connection, ALL, target=VERSION)
        await connection.fetch(
            "INSERT INTO telemetry_events (created_at, event_type, metadata) VALUES (now(), 'search', '{}')"
        )
        assert await connection.fetch(count) == [(1,)]
        await migrate(connection, ALL, target=VERSION - 1)
        assert await connection.fetch(count) == [(1,)]
        assert await connection.fetch("SELECT to_regclass('telemetry_events')") == [(None,)]
        await migrate(connection, ALL, target=VERSION)
        assert await connection.fetch("SELECT count(*) FROM telemetry_events") == [(0,)]


def execute(store: ConnectionParameters, statement: str) -> None:
    connection = store.connect()
    try:
        connection.cursor().execute(statement)
    finally:
        connection.close()
