"""Schema versions: forward, back, at the same time, and refused."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg2
import pytest

from ai_stack.aidb.connecting import first_connection
from ai_stack.aidb.database import Connection
from ai_stack.aidb.errors import SchemaError
from ai_stack.aidb.migrate import Migration, load_migrations, migrate
from ai_stack.aidb.schema_command import change_schema
from ai_stack.aidb.settings import AidbSettings
from ai_stack.local.postgres import ConnectionParameters
from support.stores import PostgresFixture

from .conftest import settings_for
from .test_documents import rows

ALL = load_migrations()
ONE = Migration(1, "one", "CREATE TABLE one (n integer)", "DROP TABLE one")
TWO = Migration(2, "two", "CREATE TABLE two (n integer); INSERT INTO two VALUES (7)", "DROP TABLE two")
BROKEN = Migration(2, "broken", "CREATE TABLE two (n integer); SELECT nonsense", "DROP TABLE two")


@asynccontextmanager
async def connected(store: ConnectionParameters) -> AsyncIterator[Connection]:
    raw = await first_connection(AidbSettings(**settings_for(store, auth="disabled")))
    with contextlib.closing(raw):
        yield Connection(raw)


async def tables(store: ConnectionParameters) -> set[str]:
    statement = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
    return {row[0] for row in await asyncio.to_thread(rows, store, statement)}


async def test_the_schema_goes_up_and_down_and_up_again(store: ConnectionParameters) -> None:
    newest = len(ALL)
    async with connected(store) as connection:
        assert await migrate(connection, ALL) == (0, newest)
        full = await tables(store)
        assert {"documents", "chunks", "embedding_queue", "model_identity", "schema_migrations"} <= full
        assert await migrate(connection, ALL) == (newest, newest)
        assert await migrate(connection, ALL, target=0) == (newest, 0)
        assert await tables(store) == {"schema_migrations"}
        assert await migrate(connection, ALL) == (0, newest)
        assert await tables(store) == full


async def test_several_processes_migrate_one_after_the_other(store: ConnectionParameters) -> None:
    async def one() -> tuple[int, int]:
        async with connected(store) as connection:
            return await migrate(connection, (ONE, TWO))

    outcomes = await asyncio.gather(*(one() for _ in range(4)))

    assert sorted(outcomes) == [(0, 2), (2, 2), (2, 2), (2, 2)]
    assert await asyncio.to_thread(rows, store, "SELECT n FROM two") == [(7,)]


async def test_a_failed_migration_leaves_the_schema_as_it_was(store: ConnectionParameters) -> None:
    async with connected(store) as connection:
        await migrate(connection, (ONE,))
    async with connected(store) as connection:
        with pytest.raises(psycopg2.Error):
            await migrate(connection, (ONE, BROKEN))
    assert await tables(store) == {"schema_migrations", "one"}


async def test_a_newer_schema_is_refused(store: ConnectionParameters) -> None:
    async with connected(store) as connection:
        await migrate(connection, (ONE, TWO))
    async with connected(store) as connection:
        with pytest.raises(SchemaError, match="has schema version 2, and this version of aidb knows up to 1"):
            await migrate(connection, (ONE,))


async def test_a_migration_with_another_text_is_refused(store: ConnectionParameters) -> None:
    changed = Migration(1, "one", "CREATE TABLE one (n bigint)", "DROP TABLE one")
    async with connected(store) as connection:
        await migrate(connection, (ONE,))
    async with connected(store) as connection:
        with pytest.raises(SchemaError, match=r"schema version 1 \(one\)"):
            await migrate(connection, (changed, TWO))
    assert "two" not in await tables(store)


@pytest.mark.parametrize("target", [-1, 3])
async def test_an_unknown_target_is_refused(store: ConnectionParameters, target: int) -> None:
    async with connected(store) as connection:
        with pytest.raises(ValueError, match="no schema version"):
            await migrate(connection, (ONE, TWO), target=target)


async def test_a_role_that_does_not_own_the_database_is_told_so(postgres: PostgresFixture) -> None:
    store = postgres.new_database()

    def forbid() -> Any:
        admin = postgres.cluster.superuser(store.database)
        connection = admin.connect()
        connection.cursor().execute(f"ALTER DATABASE {store.database} OWNER TO {admin.user}")
        connection.cursor().execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        connection.close()

    await asyncio.to_thread(forbid)
    async with connected(store) as connection:
        with pytest.raises(SchemaError, match="must own the database"):
            await migrate(connection, (ONE,))


async def test_a_database_without_pgvector_gets_it_where_the_role_may(postgres: PostgresFixture) -> None:
    store = postgres.new_database()

    def drop() -> bool:
        connection = postgres.cluster.superuser(store.database).connect()
        cursor = connection.cursor()
        cursor.execute("DROP EXTENSION vector")
        # "Trusted" extensions may be created by whoever owns the database; whether it is one is the packager's choice.
        cursor.execute("SELECT bool_or(trusted) FROM pg_available_extension_versions WHERE name = 'vector'")
        trusted = bool(cursor.fetchone()[0])
        connection.close()
        return trusted

    trusted = await asyncio.to_thread(drop)
    async with connected(store) as connection:
        if trusted:
            await migrate(connection, ALL)
            assert "chunks" in await tables(store)
        else:
            with pytest.raises(SchemaError, match="CREATE EXTENSION vector"):
                await migrate(connection, ALL)


async def test_the_command_shows_and_changes_the_schema(store: ConnectionParameters) -> None:
    settings = AidbSettings(**settings_for(store, auth="disabled"))

    assert (await change_schema(settings, ALL, "status", None))["version"] == 0
    assert (await change_schema(settings, ALL, "up", 1))["version"] == 1
    assert (await change_schema(settings, ALL, "up", None))["version"] == len(ALL)
    found = await change_schema(settings, ALL, "down", 1)
    assert [one["applied"] for one in found["migrations"]] == [True, *(False for _ in ALL[1:])]
    for action, target in (("up", 0), ("down", 2), ("up", 99)):
        with pytest.raises(ValueError, match="schema"):
            await change_schema(settings, ALL, action, target)
    assert (await change_schema(settings, ALL, "status", None))["version"] == 1
