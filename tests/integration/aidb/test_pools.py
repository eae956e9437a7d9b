"""The pools of connections under cancellation at every point, and their metrics."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import Redis

from ai_stack.aidb import cache
from ai_stack.aidb.database import Database
from ai_stack.aidb.redis_pool import MeasuredPool, show
from ai_stack.local.postgres import ConnectionParameters
from ai_stack.service.metrics import ServiceMetrics
from ai_stack.service.resilience import GuardRegistry
from support.stores import ValkeyFixture
from support.waiting import until

from .test_database import CancelledAt, opened

#: More suspensions than any of the calls has.
MANY = 200


@asynccontextmanager
async def redis_of(valkey: ValkeyFixture, size: int = 2) -> AsyncIterator[tuple[Redis, MeasuredPool]]:
    store = await asyncio.to_thread(valkey.fresh)
    pool = MeasuredPool.from_url(store.url, password=store.password, max_connections=size)
    redis = Redis.from_pool(pool)
    try:
        yield redis, pool
    finally:
        await redis.aclose()


async def cancelled_everywhere(call: Callable[[], Awaitable[object]], check: Callable[[], Awaitable[None]]) -> int:
    """Cancel the n-th suspension of a call, for every n; return how many there are."""
    for n in range(1, MANY):
        cancelled = CancelledAt(asyncio.wait_for(call(), None), n)

        async def run(cancelled: CancelledAt = cancelled) -> None:
            await cancelled

        task = asyncio.create_task(run())
        # A client may take no notice of a cancellation, as long as its answer is the right one.
        await asyncio.gather(task, return_exceptions=True)
        await check()
        if not cancelled.reached:
            return n - 1
    raise AssertionError("the call never came to its end")


async def test_a_read_of_postgres_cancelled_at_any_await_leaves_the_pool_full(store: ConnectionParameters) -> None:
    async with opened(store, postgres_pool_size=2) as database:

        async def check() -> None:
            assert database.in_use == 0
            assert await both(database) == {1, 2}

        assert await cancelled_everywhere(lambda: database.fetch("SELECT pg_sleep(0.002)"), check) >= 1


async def both(database: Database) -> set[int]:
    """Use both connections at once."""
    rows = await asyncio.gather(*(database.fetch("SELECT %s, pg_sleep(0.01)", (number,)) for number in (1, 2)))
    return {found[0][0] for found in rows}


async def test_a_call_of_redis_cancelled_at_any_await_leaves_the_pool_full(valkey: ValkeyFixture) -> None:
    async with redis_of(valkey) as (redis, pool):
        await redis.set("one", b"1")
        await redis.set("two", b"2")

        async def check() -> None:
            await until(lambda: not pool._in_use_connections)
            # A reply that nobody waited for must not be that to another question.
            found = await asyncio.gather(redis.get("one"), redis.get("two"))
            assert list(found) == [b"1", b"2"]

        assert await cancelled_everywhere(lambda: redis.get("one"), check) >= 1


async def write(redis: Redis, number: int) -> None:
    await redis.set(f"key{number}", b"x" * 1000)


async def test_many_calls_of_redis_cancelled_together_leave_the_pool_full(valkey: ValkeyFixture) -> None:
    async with redis_of(valkey, size=20) as (redis, pool):
        for moment in range(12):
            tasks: list[asyncio.Task[Any]] = [asyncio.create_task(write(redis, number)) for number in range(20)]
            for _ in range(moment):
                await asyncio.sleep(0)
            # Twice, so that what cleans up is cancelled too.
            for _ in range(2):
                for task in tasks:
                    task.cancel()
                await asyncio.sleep(0)
            await asyncio.gather(*tasks, return_exceptions=True)
            await until(lambda: not pool._in_use_connections)

        assert await redis.ping()


async def test_the_pool_of_redis_is_visible_in_metrics(valkey: ValkeyFixture) -> None:
    metrics = ServiceMetrics("aidb", "aidb_http", "aidb", "1")
    async with redis_of(valkey) as (redis, pool):
        show(pool, cache.create_guard(GuardRegistry()), metrics)
        await redis.ping()
        text = metrics.render()[0].decode().splitlines()

    assert "aidb_redis_pool_max_connections 2" in text
    assert "aidb_redis_pool_in_use 0" in text
    assert "aidb_redis_pool_available 1" in text
    assert "aidb_redis_pool_waiting 0" in text
    counted = next(line for line in text if line.startswith("aidb_redis_pool_acquire_seconds_count"))
    assert float(counted.split()[-1]) >= 1
