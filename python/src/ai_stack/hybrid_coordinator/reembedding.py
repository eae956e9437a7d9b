"""Another model for the learned context: every record gets a vector of it, and then all of them take over at once.

The new vectors are built in a collection of their own, which the alias points to when it is complete. Meanwhile the
collections are closed, since nothing may be written that would not be copied: prompts go on without learned context,
and interactions are refused (503) rather than lost. A run that breaks off is continued by the next one.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from ai_stack.hybrid_coordinator.embedder import Embedder, ModelIdentity
from ai_stack.hybrid_coordinator.learned import Collections
from ai_stack.hybrid_coordinator.model_check import identity_of
from ai_stack.hybrid_coordinator.vector_store import Point, all_of
from ai_stack.service.logs import get_logger
from ai_stack.service.metrics import ServiceMetrics

log = get_logger(__name__)

Call = Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]]

#: Records of a step: what the embeddings service takes in one request by default.
PAGE = 32


@dataclass(frozen=True, slots=True)
class _Move:
    """From the collection `old` to `new` (real names), which `name` will stand for."""

    name: str
    old: str
    new: str
    identity: ModelIdentity


class Reembedding:
    """Moves collections to another model.

    Args:
        collections: of learned context.
        embedder: makes the vectors.
        metrics: of the service.
        timeout: seconds for the vectors of one step.
    """

    def __init__(
        self, collections: Collections, embedder: Embedder, metrics: ServiceMetrics, *, timeout: float
    ) -> None:
        self._collections = collections
        self._store = collections.store
        self._embedder = embedder
        self._timeout = timeout
        self._moved = metrics.counter("hybrid_reembedded_total", "Records that got a vector of another model.")

    async def run(self, identity: ModelIdentity) -> None:
        """Move every collection that holds another model's vectors.

        Raises:
            DependencyError, RemoteError, MalformedAnswer: it broke off; the collections in use are as they were.
        """
        async with self._collections.closed() as call:
            for name in self._collections.names:
                stored = await call(partial(self._store.describe, name))
                if stored is None or identity_of(stored) == identity:
                    continue
                log.warning("reembedding.begun", collection=name, items=stored.points, model=str(identity))
                new = await self._collections.build(name, identity)
                move = _Move(name, stored.name, new, identity)
                await self._copy(move, call)
                await self._remove_strangers(move, call)
                await call(partial(self._store.point_alias, name, new))
                await call(partial(self._store.drop, stored.name))
                log.warning("reembedding.done", collection=name, model=str(identity))

    async def _copy(self, move: _Move, call: Call) -> None:
        after = None
        while True:
            points, after = await call(partial(self._store.page, move.old, where=None, limit=PAGE, after=after))
            known = await call(partial(self._store.points, move.new, [point.id for point in points]))
            done = {point.id: point.payload for point in known}
            await self._embed(move, [point for point in points if done.get(point.id) != point.payload], call)
            if after is None:
                return

    async def _embed(self, move: _Move, points: list[Point], call: Call) -> None:
        # What is no record cannot be searched either; the garbage collector would delete it.
        readable = [
            (point, record)
            for point in points
            if (record := self._collections.read(move.name, point.id, point.payload)) is not None
        ]
        if not readable:
            return
        texts = [record.embedded_text() for _, record in readable]
        vectors = await self._embedder.embed_many(texts, move.identity, timeout=self._timeout)
        copies = [
            Point(point.id, point.payload, vector.tolist())
            for (point, _), vector in zip(readable, vectors, strict=True)
        ]
        await call(partial(self._store.upsert_all, move.new, copies))
        self._moved.add({"collection": move.name}, len(copies))

    async def _remove_strangers(self, move: _Move, call: Call) -> None:
        """Delete what was deleted from the old collection after an earlier run had copied it."""
        after = None
        while True:
            points, after = await call(partial(self._store.page, move.new, where=None, limit=PAGE, after=after))
            ids = [point.id for point in points]
            known = {point.id for point in await call(partial(self._store.points, move.old, ids))}
            if strangers := [id_ for id_ in ids if id_ not in known]:
                await call(partial(self._store.delete, move.new, all_of(ids=strangers)))
            if after is None:
                return
