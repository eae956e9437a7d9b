"""Garbage collection: what is old, useless or too much is deleted, so that nothing grows without bound.

What somebody stored on purpose is deleted only when its collection is over its limit, and then after everything that
was learned. Interactions that have not been learned from are never deleted.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal

from ai_stack.hybrid_coordinator.learned import Collections
from ai_stack.hybrid_coordinator.record import Record, now
from ai_stack.hybrid_coordinator.records import OPEN_COLLECTIONS, Interaction
from ai_stack.hybrid_coordinator.settings import GarbageSettings
from ai_stack.hybrid_coordinator.vector_store import all_of
from ai_stack.service.errors import ServiceError
from ai_stack.service.logs import get_logger
from ai_stack.service.metrics import ServiceMetrics

log = get_logger(__name__)

Reason = Literal["expired", "unused", "useless", "over_limit", "unreadable"]

PAGE = 256
SECONDS_BUCKETS = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0, 300.0)


@dataclass(frozen=True, slots=True)
class Kept:
    """A record that may stay unless there are too many; the lowest `rank` goes first."""

    id: str
    rank: tuple[Any, ...]


@dataclass(slots=True)
class Report:
    """What a run deleted (a dry run: would delete), by collection and reason, and what it left."""

    dry_run: bool
    deleted: dict[str, Counter[Reason]] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def total(self) -> int:
        """Everything that was deleted."""
        return sum(count.total() for count in self.deleted.values())


class GarbageCollector:
    """Deletes what the settings say.

    Args:
        collections: to be kept small.
        settings: bounds.
        metrics: of the service.
        clock: the time of day.
    """

    def __init__(
        self,
        collections: Collections,
        settings: GarbageSettings,
        metrics: ServiceMetrics,
        *,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._collections = collections
        self._settings = settings
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()
        self._deleted = metrics.counter("hybrid_gc_deleted_total", "Items deleted, by collection and reason.")
        self._runs = metrics.counter("hybrid_gc_runs_total", "Runs that deleted, by result.")
        self._seconds = metrics.histogram("hybrid_gc_execution_seconds", "Duration of runs.", SECONDS_BUCKETS)
        self._last = metrics.gauge("hybrid_gc_last_success_timestamp_seconds", "End of the last run that succeeded.")
        self._items = metrics.gauge("hybrid_gc_items", "Items that the last run left, by collection.")

    async def run(self, *, dry_run: bool) -> Report:
        """Look at everything and delete what is due; a dry run only counts it.

        Raises:
            NotPrepared, DependencyError: the store failed; what was deleted before stays deleted.
        """
        async with self._one_at_a_time:
            started = time.perf_counter()
            report = Report(dry_run)
            try:
                for name in (*OPEN_COLLECTIONS, Interaction.collection):
                    await self._collect(name, report)
            except ServiceError:
                if not dry_run:
                    self._runs.inc({"result": "failure"})
                raise
            report.seconds = round(time.perf_counter() - started, 3)
        if not dry_run:
            self._runs.inc({"result": "success"})
            self._seconds.observe({}, report.seconds)
            self._last.set({}, self._clock().timestamp())
            log.info("gc.done", deleted=report.total, seconds=report.seconds)
        return report

    async def keep(self) -> None:
        """Run every `interval` seconds until cancelled."""
        while True:
            await asyncio.sleep(self._settings.interval)
            try:
                await self.run(dry_run=False)
            except ServiceError as error:
                log.warning("gc.failed", reason=error.message)
            except Exception:
                # A fault of ours; the loop must live, or the store would grow without a word.
                log.exception("gc.failed")

    async def _collect(self, name: str, report: Report) -> None:
        doomed: dict[str, Reason] = {}
        kept: list[Kept] = []
        after = None
        while True:
            page = partial(self._collections.store.page, name, where=None, limit=PAGE, after=after)
            points, after = await self._collections.run(page)
            for point in points:
                record = self._collections.read(name, point.id, point.payload)
                reason = self._reason(record)
                if reason is not None:
                    doomed[point.id] = reason
                elif record is not None and not (isinstance(record, Interaction) and record.pending):
                    kept.append(Kept(point.id, self._rank(record)))
            if after is None:
                break
        settings = self._settings
        limit = settings.max_interactions if name == Interaction.collection else settings.max_items
        for surplus in lowest(kept, len(kept) - limit):
            doomed[surplus.id] = "over_limit"
        report.deleted[name] = Counter(doomed.values())
        if not report.dry_run:
            await self._delete(name, doomed)
            self._items.set({"collection": name}, await self._collections.run(partial(self._count, name)))
        report.kept[name] = len(kept) - report.deleted[name]["over_limit"]

    async def _delete(self, name: str, doomed: dict[str, Reason]) -> None:
        ids = list(doomed)
        for start in range(0, len(ids), PAGE):
            batch = ids[start : start + PAGE]
            # What became pending since it was looked at stays.
            where = all_of(ids=batch, pending=False) if name == Interaction.collection else all_of(ids=batch)
            await self._collections.run(partial(self._collections.store.delete, name, where))
            for reason, count in Counter(doomed[id_] for id_ in batch).items():
                self._deleted.add({"collection": name, "reason": reason}, count)

    async def _count(self, name: str) -> int:
        return await self._collections.store.count(name)

    def _reason(self, record: Record | None) -> Reason | None:
        if record is None:
            return "unreadable"
        settings, age = self._settings, self._clock() - record.updated_at
        if isinstance(record, Interaction):
            old = self._clock() - record.timestamp > timedelta(days=settings.interaction_days)
            return "expired" if old and not record.pending else None
        if record.given:
            return None
        if self._collections.usefulness(record) < settings.min_usefulness:
            return "useless"
        return "unused" if age > timedelta(days=settings.unused_days) else None

    def _rank(self, record: Record) -> tuple[Any, ...]:
        if isinstance(record, Interaction):
            return (record.timestamp,)
        return (record.given, self._collections.usefulness(record), record.updated_at)


def lowest(kept: Iterable[Kept], count: int) -> list[Kept]:
    """Return the `count` of lowest rank, none when it is not positive."""
    return sorted(kept, key=lambda item: item.rank)[: max(0, count)]
