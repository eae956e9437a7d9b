"""PostgreSQL: one pool of aiopg connections behind one guard.

The guard admits no more calls than the pool has connections, so nobody ever waits inside the pool: aiopg's waiters can
lose their wake-up when they are cancelled.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import psycopg2
from psycopg2.extensions import TRANSACTION_STATUS_IDLE

from ai_stack.aidb.settings import AidbSettings
from ai_stack.service.logs import get_logger
from ai_stack.service.metrics import ServiceMetrics
from ai_stack.service.resilience import Guard, GuardRegistry, Policy

T = TypeVar("T")
Row = tuple[Any, ...]
Parameters = Mapping[str, Any] | Sequence[Any] | None

ACQUIRE_BUCKETS = (0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0)

# A server that takes no writes is a replica, or became one: the next connection may lead to the primary.
_FAILURES = (psycopg2.OperationalError, psycopg2.InterfaceError, psycopg2.errors.ReadOnlySqlTransaction)

log = get_logger(__name__)


class Connection:
    """A connection on loan. Statements outside of `Database.transaction` commit by themselves."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    async def fetch(self, statement: str, parameters: Parameters = None, *, timeout: float | None = None) -> list[Row]:
        """Execute a statement and return its rows; none when it returns no rows.

        Args:
            statement: in SQL.
            parameters: of the statement.
            timeout: seconds to wait for it, instead of what holds for the connection.

        Raises:
            psycopg2.Error: the server or the connection failed.
        """
        try:
            async with self._raw.cursor() as cursor:
                await cursor.execute(statement, parameters, timeout=timeout)
                if _being_cancelled():
                    # aiopg waits with asyncio.wait_for, which before Python 3.12 loses a cancellation that comes
                    # together with the result (python/cpython issue 81839).
                    raise asyncio.CancelledError
                return await cursor.fetchall() if cursor.description else []
        except asyncio.CancelledError:
            if _being_cancelled():
                raise
            # aiopg reports a statement that the server cancelled (statement_timeout) as the task's own cancellation.
            raise psycopg2.errors.QueryCanceled("statement cancelled by the server") from None


class Database:
    """All access to PostgreSQL.

    Args:
        pool: from `aiopg.create_pool`, with room for as many connections as the guard admits calls.
        guard: that all calls go through.
        metrics: gets the state of the pool.
    """

    def __init__(self, pool: Any, guard: Guard, metrics: ServiceMetrics) -> None:
        self._pool = pool
        self._guard = guard
        self._in_use = 0
        size = metrics.gauge("aidb_db_pool_size", "Connections that the pool may hold.")
        checked_out = metrics.gauge("aidb_db_pool_checked_out", "Connections in use.")
        overflow = metrics.gauge("aidb_db_pool_overflow", "Calls waiting because all connections are in use.")
        connected = metrics.gauge("aidb_db_pool_open", "Connections open to the server.")
        self._acquire_seconds = metrics.histogram(
            "aidb_db_pool_acquire_seconds", "Seconds from a call to its connection.", ACQUIRE_BUCKETS
        )

        def refresh() -> None:
            size.set({}, pool.maxsize)
            checked_out.set({}, self._in_use)
            overflow.set({}, guard.waiting)
            connected.set({}, pool.size)

        metrics.on_scrape(refresh)

    @property
    def in_use(self) -> int:
        """Connections on loan."""
        return self._in_use

    async def fetch(self, statement: str, parameters: Parameters = None, *, timeout: float | None = None) -> list[Row]:
        """Execute one statement that only reads (it may be repeated), and return its rows.

        Raises:
            DependencyError: PostgreSQL failed, is overloaded, or took longer than `timeout` seconds.
            psycopg2.Error: the statement is at fault.
        """

        async def read(connection: Connection) -> list[Row]:
            return await connection.fetch(statement, parameters)

        return await self._run(read, idempotent=True, timeout=timeout)

    async def transaction(
        self,
        work: Callable[[Connection], Awaitable[T]],
        *,
        idempotent: bool = False,
        timeout: float | None = None,
    ) -> T:
        """Run `work` in a transaction, which commits when it returns and rolls back when it raises.

        Args:
            work: gets the connection.
            idempotent: may run again after a failure, even one that hid a successful commit.
            timeout: seconds for the whole instead of the guard's.

        Raises:
            DependencyError, psycopg2.Error: as `fetch`.
        """

        async def transact(connection: Connection) -> T:
            await connection.fetch("BEGIN")
            result = await work(connection)
            await connection.fetch("COMMIT")
            return result

        return await self._run(transact, idempotent=idempotent, timeout=timeout)

    async def _run(self, use: Callable[[Connection], Awaitable[T]], *, idempotent: bool, timeout: float | None) -> T:
        asked = time.perf_counter()

        async def attempt() -> T:
            async with self._connection() as connection:
                self._acquire_seconds.observe({}, time.perf_counter() - asked)
                return await use(connection)

        return await self._guard.call(attempt, idempotent=idempotent, timeout=timeout)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        raw = await self._pool.acquire()
        self._in_use += 1
        try:
            yield Connection(raw)
        except BaseException as error:
            await _leave_transaction(raw, error)
            raise
        finally:
            self._in_use -= 1
            # The future that this returns only wakes waiters, and there are none.
            self._pool.release(raw)


def _being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


async def _leave_transaction(raw: Any, error: BaseException) -> None:
    """Roll back, or drop the connection where its state is not known."""
    if raw.closed or raw.raw.get_transaction_status() == TRANSACTION_STATUS_IDLE:
        return
    if isinstance(error, Exception) and not isinstance(error, _FAILURES):
        try:
            async with raw.cursor() as cursor:
                await cursor.execute("ROLLBACK")
        except Exception as failure:
            log.warning("postgres.rollback_failed", reason=type(failure).__name__)
        except BaseException:
            raw.close()
            raise
        else:
            return
    raw.close()


def create_guard(settings: AidbSettings, guards: GuardRegistry) -> Guard:
    """Return the guard for `Database`."""
    return guards.create(
        "postgres",
        Policy(
            timeout=settings.postgres_timeout,
            attempts=3,
            reset_timeout=2.0,
            max_concurrency=settings.postgres_pool_size,
            max_waiting=max(128, 8 * settings.postgres_pool_size),
            failures=_FAILURES,
        ),
    )
