"""Stores that are there and do not do their part: they lie, hang, are slow, full, read-only, or somewhere else."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from ai_stack.local.postgres import ConnectionParameters
from support.http import Api
from support.proxy import Proxy, proxy
from support.stores import PostgresFixture, ValkeyFixture
from support.waiting import eventually

from .conftest import Start
from .test_cache import counted
from .test_documents import GUIDE, put, rows

REPLIES: dict[str, Callable[[bytes], bytes]] = {
    "noise": lambda _: b"\x00\xff\xfe noise \r\n\r\n",
    "a number that is none": lambda _: b":ten\r\n",
    "a length that is none": lambda _: b"$many\r\nabc\r\n",
    "a length without end": lambda _: b"$99999999999\r\nabc",
    "another type": lambda _: b"*2\r\n:1\r\n:2\r\n",
    "text that is no vector": lambda _: b"$3\r\nabc\r\n",
    "an error": lambda _: b"-BUSY the script runs\r\n",
    "half of it": lambda content: content[: len(content) // 2],
    "all of it twice": lambda content: content * 2,
    "nothing": lambda _: b"",
}


def database_socket(store: ConnectionParameters) -> Path:
    """The socket that PostgreSQL listens on."""
    return Path(store.host) / f".s.PGSQL.{store.port}"


async def search(aidb: Api, query: str) -> Any:
    answer = await aidb("POST", "/search", json={"query": query})
    assert answer.status == 200, answer.body
    return answer.json


@pytest.mark.parametrize("reply", REPLIES)
async def test_whatever_the_cache_replies_a_search_finds_what_is_stored(
    start: Start, valkey: ValkeyFixture, reply: str
) -> None:
    cache = await asyncio.to_thread(valkey.fresh)
    async with (
        proxy(cache.socket) as between,
        start(redis_url=f"redis://127.0.0.1:{between.port}", redis_password=cache.password) as aidb,
    ):
        await put(aidb, "a.md", "# Ferries\n\nThe ferry crosses the sound.\n")
        await put(aidb, "b.md", "# Bakeries\n\nThe bakery sells bread.\n")
        for _ in range(2):
            await search(aidb, "ferry")
        between.change = REPLIES[reply]
        for word, title in (("ferry", "Ferries"), ("bakery", "Bakeries")) * 4:
            assert (await search(aidb, word))["results"][0]["title"] == title
            answer = await aidb("POST", "/vector/search", json={"query": word})
            assert answer.status == 200, answer.body


async def test_a_cache_that_speaks_its_protocol_again_is_used_again(start: Start, valkey: ValkeyFixture) -> None:
    cache = await asyncio.to_thread(valkey.fresh)
    async with (
        proxy(cache.socket) as between,
        start(redis_url=f"redis://127.0.0.1:{between.port}", redis_password=cache.password) as aidb,
    ):
        await put(aidb, "a.md", GUIDE)
        between.change = REPLIES["noise"]
        for number in range(10):
            await search(aidb, f"timer {number}")
        between.change = lambda content: content

        async def used() -> bool:
            await search(aidb, "timer")
            return await counted(aidb, "aidb_cache_hits_total") > 0

        await eventually(used)


@pytest.fixture
async def between(store: ConnectionParameters) -> AsyncIterator[Proxy]:
    """What the service takes for PostgreSQL."""
    async with proxy(database_socket(store)) as made:
        yield made


@pytest.fixture
async def aidb(start: Start, between: Proxy) -> AsyncIterator[Api]:
    """The service, which gives PostgreSQL half a second for each call."""
    changes = {"postgres_host": "127.0.0.1", "postgres_port": between.port, "postgres_timeout": 0.5}
    async with start(**changes) as client:
        await until_stored(client, "before.md")
        yield client


async def until_stored(aidb: Api, path: str) -> None:
    """Store a document; while the store is away that is refused as temporary and as nothing else."""

    async def stored() -> bool:
        answer = await aidb("POST", "/documents", json={"path": path, "content": GUIDE})
        assert answer.status in (200, 503, 504), answer.body
        return answer.status == 200

    await eventually(stored)


async def test_connections_that_die_without_a_word_are_replaced(aidb: Api, between: Proxy) -> None:
    between.silent = True
    for _ in range(8):
        assert (await aidb("GET", "/documents")).status in (503, 504)
    between.silent = False
    await until_stored(aidb, "after.md")
    assert (await aidb("GET", "/documents")).json["total"] == 2


async def test_a_database_that_moves_to_another_address_is_found_there(
    aidb: Api, between: Proxy, store: ConnectionParameters, tmp_path: Path
) -> None:
    async with proxy_chain(database_socket(store), tmp_path / "elsewhere") as elsewhere:
        between.target = tmp_path / "nowhere"
        await between.cut()
        assert (await aidb("GET", "/documents")).status == 503
        between.target = elsewhere
        await until_stored(aidb, "after.md")
        assert (await aidb("GET", "/documents")).json["total"] == 2


@contextlib.asynccontextmanager
async def proxy_chain(target: Path, socket: Path) -> AsyncIterator[Path]:
    """Another address of the same server."""
    made = Proxy(target)
    server = await asyncio.start_unix_server(made.serve, str(socket))
    try:
        yield socket
    finally:
        server.close()
        await made.cut()
        await server.wait_closed()


async def test_a_slow_database_is_waited_for_within_the_bound(aidb: Api, between: Proxy) -> None:
    between.delay = 0.02
    await until_stored(aidb, "slow.md")
    between.delay = 30.0
    refused = await aidb("GET", "/documents")
    assert refused.status == 504
    assert "postgres" in refused.json["error"]
    between.delay = 0.0
    await until_stored(aidb, "after.md")


FULL = """
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
    CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON documents EXECUTE FUNCTION refuse();
    SELECT 1"""


async def test_a_full_disk_of_the_database_refuses_writes_as_temporary_and_reading_goes_on(
    aidb: Api, store: ConnectionParameters
) -> None:
    await asyncio.to_thread(rows, store, FULL)
    refused = await aidb("POST", "/documents", json={"path": "full.md", "content": GUIDE})
    assert refused.status == 503, refused.body
    assert "No space" not in refused.json["error"]
    assert (await search(aidb, "timer"))["results"]
    await asyncio.to_thread(rows, store, "DROP FUNCTION refuse CASCADE; SELECT 1")
    await until_stored(aidb, "full.md")


async def test_a_database_that_became_a_replica_refuses_writes_as_temporary_until_there_is_a_primary(
    aidb: Api, store: ConnectionParameters, postgres: PostgresFixture
) -> None:
    # What a primary is after a failover to another server: it answers, and takes no writes.
    role = f"ALTER ROLE {store.user} SET default_transaction_read_only = "
    administrator = postgres.cluster.superuser(store.database)
    ended = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'aidb'"
    await asyncio.to_thread(rows, administrator, f"{role} on; {ended}")
    refused = await aidb("POST", "/documents", json={"path": "replica.md", "content": GUIDE})
    assert refused.status == 503, refused.body
    assert (await search(aidb, "timer"))["results"]
    # The sessions stay: it is theirs to find out that there is a primary again.
    await asyncio.to_thread(rows, administrator, f"{role} off; SELECT 1")
    await until_stored(aidb, "replica.md")
