"""The pool under cancellation, time-outs and failures."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from contextlib import asynccontextmanager
from typing import Any

import psycopg2
import pytest

from ai_stack.aidb import database
from ai_stack.aidb.connecting import open_pool
from ai_stack.aidb.database import Connection, Database
from ai_stack.aidb.settings import AidbSettings
from ai_stack.local.postgres import ConnectionParameters
from ai_stack.service.errors import Conflict
from ai_stack.service.metrics import ServiceMetrics
from ai_stack.service.resilience import DependencyError, DependencyTimeout, GuardRegistry
from support.waiting import eventually

from .conftest import settings_for
from .test_documents import rows


@asynccontextmanager
async def opened(store: ConnectionParameters, **changes: Any) -> AsyncIterator[Database]:
    settings = AidbSettings(**settings_for(store, auth="disabled", **changes))
    metrics = ServiceMetrics("aidb", "aidb_http", "aidb", "1")
    async with open_pool(settings) as pool:
        yield Database(pool, database.create_guard(settings, GuardRegistry()), metrics)


@pytest.fixture
async def db(store: ConnectionParameters) -> AsyncIterator[Database]:
    """Two connections, and a table."""
    async with opened(store, postgres_pool_size=2) as opened_:
        await opened_.fetch("CREATE TABLE t (n integer PRIMARY KEY)")
        yield opened_


async def other_sessions(store: ConnectionParameters) -> list[tuple[str]]:
    statement = (
        "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND backend_type = 'client backend'"
    )
    return await asyncio.to_thread(rows, store, statement)


class CancelledAt:
    """Awaits a coroutine and cancels the task at its `n`-th suspension.

    Attributes:
        done: the coroutine came to its end nevertheless.
        reached: there were that many suspensions.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, Any], n: int) -> None:
        self._coroutine = coroutine
        self._left = n
        self.done = False

    @property
    def reached(self) -> bool:
        return self._left <= 0

    def __await__(self) -> Generator[Any, Any, Any]:
        wrapped = self._coroutine.__await__()
        value: Any = None
        throw: BaseException | None = None
        while True:
            try:
                yielded = wrapped.throw(throw) if throw is not None else wrapped.send(value)
            except StopIteration as stop:
                self.done = True
                return stop.value
            self._left -= 1
            if self._left == 0:
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
            value, throw = None, None
            try:
                value = yield yielded
            except BaseException as error:
                throw = error


async def test_a_transaction_cancelled_at_any_await_leaks_nothing(db: Database, store: ConnectionParameters) -> None:
    async def work(connection: Connection) -> None:
        await connection.fetch("INSERT INTO t VALUES (1)")
        await connection.fetch("SELECT pg_sleep(0.002)")
        await connection.fetch("INSERT INTO t VALUES (2)")

    async def attempt(n: int) -> bool:
        cancelled = CancelledAt(db.transaction(work), n)

        async def run() -> None:
            await cancelled

        task = asyncio.create_task(run())
        await asyncio.wait([task])
        return not task.cancelled()

    n = 1
    while not await attempt(n):
        assert db.in_use == 0
        # All or nothing, never half.
        assert len(await db.fetch("SELECT n FROM t")) in (0, 2)
        await db.fetch("DELETE FROM t")
        n += 1
        assert n < 200
    assert n > 4
    # Both connections are there for others, and none is left in a transaction.
    await asyncio.gather(db.fetch("SELECT pg_sleep(0.05)"), db.fetch("SELECT pg_sleep(0.05)"))

    async def quiet() -> bool:
        states = await other_sessions(store)
        return len(states) <= 2 and all(state == ("idle",) for state in states)

    await eventually(quiet)


async def test_many_callers_cancelled_while_they_wait_leave_the_pool_whole(db: Database) -> None:
    tasks = [asyncio.create_task(db.fetch("SELECT pg_sleep(0.05)")) for _ in range(30)]
    await asyncio.sleep(0.02)
    for task in tasks[::2]:
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)

    assert sum(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes) == 15
    assert sum(isinstance(outcome, list) for outcome in outcomes) == 15
    assert db.in_use == 0


async def test_a_failed_statement_rolls_back_and_keeps_the_connection(
    db: Database, store: ConnectionParameters
) -> None:
    async def work(connection: Connection) -> None:
        await connection.fetch("INSERT INTO t VALUES (1)")
        await connection.fetch("INSERT INTO t VALUES (1)")

    async def pid() -> int:
        return int((await db.fetch("SELECT pg_backend_pid()"))[0][0])

    before = await pid()
    with pytest.raises(psycopg2.errors.UniqueViolation):
        await db.transaction(work)

    assert await db.fetch("SELECT n FROM t") == []
    assert await pid() == before
    assert db.in_use == 0


async def test_an_error_of_the_caller_rolls_back_and_is_no_failure_of_the_store(db: Database) -> None:
    async def work(connection: Connection) -> None:
        await connection.fetch("INSERT INTO t VALUES (1)")
        raise Conflict("no")

    for _ in range(10):
        with pytest.raises(Conflict):
            await db.transaction(work)

    assert await db.fetch("SELECT n FROM t") == []


async def test_a_statement_cancelled_by_the_server_is_a_failure_and_not_a_cancellation(db: Database) -> None:
    async def work(connection: Connection) -> None:
        await connection.fetch("SET LOCAL statement_timeout = 10")
        await connection.fetch("SELECT pg_sleep(5)")

    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
    with pytest.raises(DependencyError):
        await db.transaction(work)
    assert await db.fetch("SELECT 1") == [(1,)]


async def test_a_slow_statement_is_given_up_and_its_connection_dropped(
    db: Database, store: ConnectionParameters
) -> None:
    with pytest.raises(DependencyTimeout):
        await db.fetch("SELECT pg_sleep(5)", timeout=0.05)

    assert db.in_use == 0
    assert await db.fetch("SELECT 1") == [(1,)]


async def test_a_connection_killed_while_idle_is_replaced_unnoticed(db: Database, store: ConnectionParameters) -> None:
    pids = {row[0][0] for row in await asyncio.gather(*(db.fetch("SELECT pg_backend_pid()") for _ in range(2)))}

    def kill_all() -> list[Any]:
        return rows(
            store,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )

    await asyncio.to_thread(kill_all)

    assert (await db.fetch("SELECT pg_backend_pid()"))[0][0] not in pids


async def test_the_pool_is_visible_in_metrics(store: ConnectionParameters) -> None:
    settings = AidbSettings(**settings_for(store, auth="disabled", postgres_pool_size=2))
    metrics = ServiceMetrics("aidb", "aidb_http", "aidb", "1")

    def value(name: str) -> float:
        text = metrics.render()[0].decode()
        return next(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name))

    async with open_pool(settings) as pool:
        db = Database(pool, database.create_guard(settings, GuardRegistry()), metrics)
        tasks = [asyncio.create_task(db.fetch("SELECT pg_sleep(0.3)")) for _ in range(5)]

        async def saturated() -> bool:
            return value("aidb_db_pool_checked_out") == 2 and value("aidb_db_pool_overflow") == 3

        await eventually(saturated)
        assert value("aidb_db_pool_size") == 2
        assert value("aidb_db_pool_open") == 2
        await asyncio.gather(*tasks)
        assert value("aidb_db_pool_checked_out") == 0
        assert value("aidb_db_pool_overflow") == 0
        assert value("aidb_db_pool_acquire_seconds_count") == 5


async def test_connections_have_the_settings_that_search_and_safety_need(db: Database) -> None:
    names: list[tuple[str, Callable[[str], bool]]] = [
        ("hnsw.ef_search", lambda value: value == "100"),
        ("hnsw.iterative_scan", lambda value: value == "strict_order"),
        ("statement_timeout", lambda value: value == "1min"),
        ("idle_in_transaction_session_timeout", lambda value: value == "80s"),
        ("application_name", lambda value: value == "aidb"),
        ("client_encoding", lambda value: value == "UTF8"),
    ]
    # Loads the library, which takes over the settings made before it was there.
    await db.fetch("SELECT '[1]'::vector")
    for name, right in names:
        assert right((await db.fetch("SELECT current_setting(%s)", (name,)))[0][0]), name
