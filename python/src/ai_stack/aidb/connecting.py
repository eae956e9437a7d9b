"""How connections to PostgreSQL are made."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiopg
import psycopg2

from ai_stack.aidb.errors import SchemaError
from ai_stack.aidb.settings import AidbSettings
from ai_stack.service.logs import get_logger

#: Seconds for statements that no caller bounds; also how long aiopg lets a connection attempt take.
STATEMENT_LIMIT = 60

log = get_logger(__name__)


def connection_arguments(settings: AidbSettings) -> dict[str, Any]:
    """Return the keyword arguments for psycopg2."""
    # Left to the server: a client that has gone must not keep it busy, nor hold locks.
    options = {
        "statement_timeout": f"{STATEMENT_LIMIT}s",
        # Chunks are embedded within a transaction.
        "idle_in_transaction_session_timeout": f"{STATEMENT_LIMIT + 2 * settings.embeddings_timeout:.0f}s",
        "client_connection_check_interval": "2s",
        "timezone": "UTC",
        # Compiling costs more than any of the queries here.
        "jit": "off",
        "hnsw.ef_search": str(settings.hnsw_ef_search),
        # Goes on until the limit is reached when a filter takes rows away (pgvector 0.8, "Iterative Index Scans").
        "hnsw.iterative_scan": "strict_order",
        # Words with two letters swapped have few trigrams in common; they are compared letter by letter afterwards.
        "pg_trgm.similarity_threshold": "0.15",
    }
    arguments: dict[str, Any] = {
        "host": settings.postgres_host,
        "port": settings.postgres_port,
        "dbname": settings.postgres_database,
        "user": settings.postgres_user,
        "application_name": "aidb",
        "client_encoding": "UTF8",
        "options": " ".join(f"-c {name}={value}" for name, value in options.items()),
    }
    if settings.postgres_password is not None:
        arguments["password"] = settings.postgres_password.get_secret_value()
    return arguments


@asynccontextmanager
async def open_pool(settings: AidbSettings) -> AsyncIterator[Any]:
    """Open the pool. Connections are made on demand, so this does not need the server.

    Yields:
        an `aiopg.Pool`.
    """
    pool = await aiopg.create_pool(
        minsize=0,
        maxsize=settings.postgres_pool_size,
        timeout=STATEMENT_LIMIT,
        # They cost a query per connection, and none of the types is used.
        enable_json=False,
        enable_hstore=False,
        enable_uuid=False,
        **connection_arguments(settings),
    )
    try:
        yield pool
    finally:
        pool.close()
        pool.terminate()
        await pool.wait_closed()


async def first_connection(settings: AidbSettings, *, retry_after: float = 0.5) -> Any:
    """Connect for the migrations, waiting for a server that is still starting.

    Returns:
        an `aiopg.Connection`, to be closed by the caller.

    Raises:
        SchemaError: there is no connection within `postgres_start_timeout`.
    """
    give_up = time.monotonic() + settings.postgres_start_timeout
    while True:
        try:
            return await aiopg.connect(
                timeout=STATEMENT_LIMIT,
                enable_json=False,
                enable_hstore=False,
                enable_uuid=False,
                **connection_arguments(settings),
            )
        except (psycopg2.OperationalError, TimeoutError) as error:
            reason = " ".join(str(error).split())
            if time.monotonic() >= give_up:
                where = f"{settings.postgres_host}:{settings.postgres_port}/{settings.postgres_database}"
                raise SchemaError(f"no connection to PostgreSQL at {where}: {reason}") from None
            log.warning("postgres.not_reachable", reason=reason)
        await asyncio.sleep(retry_after)
