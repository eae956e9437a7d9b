"""What aidb did, as events in PostgreSQL: counts and times of searches, documents, imports and changes of the model.

Events hold no text of a query and no name of a document. They are written in groups, after the request that they are
about: what happened in the last second before a process was killed is not counted, and no request waits or fails
because of them. Their number and their age are bounded.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import psycopg2
from psycopg2.extras import Json

from ai_stack.aidb.database import Connection, Database
from ai_stack.service.logs import get_logger
from ai_stack.service.metrics import ServiceMetrics
from ai_stack.service.resilience import DependencyError

EventType = Literal["search", "documents", "import", "model_change"]

#: Seconds between two writes.
FLUSH_INTERVAL = 1.0
#: Events that wait for PostgreSQL at most; further ones are dropped and counted.
MOST_WAITING = 10_000
#: Events of one statement.
GROUP = 1000
#: Seconds that the last events may take when the service stops.
LAST_FLUSH = 2.0
#: Seconds between two looks for events that are too old.
CLEAN_INTERVAL = 3600.0

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. `metadata` are counts by name, or words such as the mode of a search."""

    created_at: datetime
    event_type: EventType
    latency_ms: float | None
    rag_hits: int | None
    cache_hit: bool | None
    metadata: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Summary:
    """What the events that are kept add up to. Shares and percentiles are None where there is nothing to measure."""

    total_events: int
    first_event_at: datetime | None
    last_event_at: datetime | None
    events: dict[str, int]
    modes: dict[str, int]
    searches: dict[str, Any]
    documents: dict[str, int]
    imports: dict[str, int]
    model_changes: dict[str, int]


class Telemetry:
    """Records events, and sums them up.

    Args:
        database: where they are kept.
        metrics: gets how many were lost.
        enabled: whether anything is recorded.
        keep: age at which events are deleted.
        most: number of events that are kept; the oldest ones go first.
        timeout: seconds that writing or deleting may take.
    """

    def __init__(
        self,
        database: Database,
        metrics: ServiceMetrics,
        *,
        enabled: bool,
        keep: timedelta,
        most: int,
        timeout: float,
    ) -> None:
        self._database = database
        self.enabled = enabled
        self._keep = keep
        self._most = most
        self._timeout = timeout
        self._waiting: deque[Event] = deque()
        self._since_cleaned = 0
        self._clean_at = 0.0
        self._dropped = metrics.counter(
            "aidb_telemetry_events_dropped_total", "Events that were not kept, because PostgreSQL did not take them."
        )
        self._dropped.add({}, 0)

    def record(
        self,
        event_type: EventType,
        metadata: Mapping[str, Any],
        *,
        latency_ms: float | None = None,
        rag_hits: int | None = None,
        cache_hit: bool | None = None,
    ) -> None:
        """Note an event. Never waits and never fails.

        Args:
            event_type: what happened.
            metadata: counts by name, or words about it; nothing that came from a user.
            latency_ms: how long it took.
            rag_hits: number of results of a search.
            cache_hit: whether the cache answered; None where there is none.
        """
        if not self.enabled:
            return
        if len(self._waiting) >= MOST_WAITING:
            self._dropped.inc({})
            return
        self._waiting.append(Event(datetime.now(UTC), event_type, latency_ms, rag_hits, cache_hit, dict(metadata)))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Write events for the length of the block, the last ones at its end."""
        task = asyncio.create_task(self._work(), name="telemetry")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            with contextlib.suppress(DependencyError, psycopg2.Error, TimeoutError):
                async with asyncio.timeout(LAST_FLUSH):
                    await self.flush()

    async def flush(self) -> None:
        """Write what waits.

        Raises:
            DependencyError, psycopg2.Error: PostgreSQL failed; the events wait on. One whose commit was hidden by the
                failure is written twice.
        """
        while self._waiting:
            group = [self._waiting.popleft() for _ in range(min(GROUP, len(self._waiting)))]
            try:
                await self._write(group)
            except BaseException:
                self._waiting.extendleft(reversed(group))
                raise
            self._since_cleaned += len(group)

    async def summary(self, seconds: int | None = None) -> Summary:
        """Sum up the events that are kept, or those of the last so many seconds; those that wait here are among them.

        Raises:
            DependencyError: PostgreSQL failed.
        """
        await self.flush()
        row = (await self._database.fetch(_SUMMARY, {"seconds": seconds}, timeout=self._timeout))[0]
        return Summary(*row)

    async def clean(self) -> int:
        """Delete events that are too old or too many; return how many.

        Raises:
            DependencyError: PostgreSQL failed.
        """

        async def work(connection: Connection) -> int:
            return len(await connection.fetch(_CLEAN, {"keep": self._keep, "most": self._most}))

        self._since_cleaned = 0
        self._clean_at = asyncio.get_running_loop().time() + CLEAN_INTERVAL
        return await self._database.transaction(work, idempotent=True, timeout=self._timeout)

    async def _write(self, group: list[Event]) -> None:
        async def work(connection: Connection) -> None:
            await connection.fetch(
                _INSERT,
                {
                    "times": [event.created_at for event in group],
                    "types": [event.event_type for event in group],
                    "latencies": [event.latency_ms for event in group],
                    "hits": [event.rag_hits for event in group],
                    "cached": [event.cache_hit for event in group],
                    "metadata": [Json(event.metadata) for event in group],
                },
            )

        await self._database.transaction(work, timeout=self._timeout)

    async def _work(self) -> None:
        while True:
            try:
                await self.flush()
                # Between two looks a tenth more than is allowed may gather.
                if self._since_cleaned * 10 >= self._most or asyncio.get_running_loop().time() >= self._clean_at:
                    await self.clean()
            except DependencyError as error:
                log.warning("telemetry.waiting", reason=str(error), events=len(self._waiting))
            except psycopg2.Error:
                log.exception("telemetry.failed", events=len(self._waiting))
            await asyncio.sleep(FLUSH_INTERVAL)


_INSERT = """
    INSERT INTO telemetry_events (created_at, event_type, latency_ms, rag_hits, cache_hit, metadata)
    SELECT * FROM unnest(
        %(times)s::timestamptz[], %(types)s::text[], %(latencies)s::real[], %(hits)s::integer[],
        %(cached)s::boolean[], %(metadata)s::jsonb[])"""

_CLEAN = """
    DELETE FROM telemetry_events
    WHERE created_at < now() - %(keep)s OR id <= (SELECT max(id) FROM telemetry_events) - %(most)s
    RETURNING id"""

_SUMMARY = """
    WITH kept AS MATERIALIZED (
        SELECT * FROM telemetry_events
        WHERE %(seconds)s::integer IS NULL OR created_at >= now() - make_interval(secs => %(seconds)s)),
    searches AS MATERIALIZED (SELECT *, metadata ->> 'mode' AS mode FROM kept WHERE event_type = 'search'),
    counts AS MATERIALIZED (
        SELECT event_type, key, sum(value::integer) AS number FROM kept, jsonb_each_text(metadata)
        WHERE event_type IN ('documents', 'import') GROUP BY event_type, key)
    SELECT (SELECT count(*) FROM kept), (SELECT min(created_at) FROM kept), (SELECT max(created_at) FROM kept),
        (SELECT coalesce(jsonb_object_agg(event_type, number), '{}')
         FROM (SELECT event_type, count(*) AS number FROM kept GROUP BY event_type) AS types),
        (SELECT coalesce(jsonb_object_agg(mode, number), '{}')
         FROM (SELECT mode, count(*) AS number FROM searches GROUP BY mode) AS modes),
        (SELECT jsonb_build_object(
            'total', count(*),
            'empty', count(*) FILTER (WHERE rag_hits = 0),
            'degraded', count(*) FILTER (WHERE metadata @> '{"degraded": true}'),
            'cache_hits', count(*) FILTER (WHERE cache_hit),
            'cache_asked', count(cache_hit),
            'mean_hits', avg(rag_hits),
            'percentiles', percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY latency_ms))
         FROM searches),
        (SELECT coalesce(jsonb_object_agg(key, number), '{}') FROM counts WHERE event_type = 'documents'),
        (SELECT coalesce(jsonb_object_agg(key, number), '{}') FROM counts WHERE event_type = 'import'),
        (SELECT coalesce(jsonb_object_agg(state, number), '{}')
         FROM (SELECT metadata ->> 'state' AS state, count(*) AS number FROM kept
               WHERE event_type = 'model_change' GROUP BY state) AS states)"""
