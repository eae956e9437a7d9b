"""The pool of connections to Redis, measured, and whole whatever is cancelled."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from redis.asyncio import ConnectionPool
from redis.asyncio.connection import AbstractConnection

from ai_stack.service.metrics import ServiceMetrics
from ai_stack.service.resilience import Guard

ACQUIRE_BUCKETS = (0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.25)


class MeasuredPool(ConnectionPool):
    """A pool that says how long its connections took to get, and that gets each one back."""

    #: Told the seconds of each acquisition, those of connecting included.
    observe: Callable[[float], None] | None = None

    async def get_connection(self, *args: Any, **kwargs: Any) -> AbstractConnection:
        """Return a connection that is connected."""
        began = time.perf_counter()
        connection: AbstractConnection = await super().get_connection(*args, **kwargs)  # type: ignore[no-untyped-call]
        if self.observe is not None:
            self.observe(time.perf_counter() - began)
        return connection

    async def release(self, connection: AbstractConnection) -> None:
        """Take a connection back, also when the task that had it is cancelled meanwhile.

        The pool waits for a lock first, and a cancellation there would leave the connection in use for ever.
        """
        await asyncio.shield(asyncio.create_task(super().release(connection)))


def show(pool: MeasuredPool, guard: Guard, metrics: ServiceMetrics) -> None:
    """Give the state of the pool to the metrics, now and whenever they are asked for.

    Args:
        pool: of the client.
        guard: that all calls go through; it admits no more of them than the pool has connections.
        metrics: gets it.
    """
    in_use = metrics.gauge("aidb_redis_pool_in_use", "Connections in use.")
    available = metrics.gauge("aidb_redis_pool_available", "Connections open and idle.")
    maximum = metrics.gauge("aidb_redis_pool_max_connections", "Connections that the pool may hold.")
    waiting = metrics.gauge("aidb_redis_pool_waiting", "Calls waiting because all connections are in use.")
    seconds = metrics.histogram(
        "aidb_redis_pool_acquire_seconds", "Seconds from a call that is admitted to its connection.", ACQUIRE_BUCKETS
    )
    pool.observe = lambda value: seconds.observe({}, value)

    def refresh() -> None:
        in_use.set({}, len(pool._in_use_connections))
        available.set({}, len(pool._available_connections))
        maximum.set({}, pool.max_connections)
        waiting.set({}, guard.waiting)

    metrics.on_scrape(refresh)
