"""Interactions: questions, their answers, and how they ended.

What is acknowledged is stored. Everything that follows from it (votes, learning) is done later by `Learner`, from the
mark `pending` that is written in the same step.
"""

import uuid
from collections.abc import AsyncGenerator, Callable
from datetime import datetime
from functools import partial
from typing import Any, Literal

from qdrant_client import models

from ai_stack.hybrid_coordinator.embedder import Embedding
from ai_stack.hybrid_coordinator.learned import Collections
from ai_stack.hybrid_coordinator.locks import NamedLocks
from ai_stack.hybrid_coordinator.record import now
from ai_stack.hybrid_coordinator.records import Interaction, Outcome
from ai_stack.hybrid_coordinator.value import value_score
from ai_stack.hybrid_coordinator.vector_store import Point, all_of
from ai_stack.service.errors import Conflict, NotFound
from ai_stack.service.metrics import ServiceMetrics

NAME = Interaction.collection
EXPORT_PAGE = 64


class NoSuchInteraction(NotFound):
    """There is no interaction of this id."""

    def __init__(self) -> None:
        super().__init__("there is no such interaction")


class Interactions:
    """The history of interactions.

    Args:
        collections: that hold it.
        metrics: of the service.
        on_change: called when there is something to learn.
        clock: the time of day.
    """

    def __init__(
        self,
        collections: Collections,
        metrics: ServiceMetrics,
        *,
        on_change: Callable[[], None],
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._collections = collections
        self._on_change = on_change
        self._clock = clock
        self._locks = NamedLocks()
        self._tracked = metrics.counter("hybrid_interactions_total", "Interactions stored, by agent type.")
        self._outcomes = metrics.counter("hybrid_interaction_outcomes_total", "Outcomes stored, by outcome.")

    async def track(self, interaction: Interaction, embedding: Embedding) -> Literal["created", "unchanged"]:
        """Store an interaction. The same one again, as after a lost answer, changes nothing.

        Raises:
            Conflict: another interaction has this id.
            ModelMismatch, NotPrepared, DependencyError
        """
        self._collections.check(embedding.identity)
        async with self._locks.hold(interaction.id.hex):
            stored = await self._read(interaction.id)
            if stored is not None:
                known = self._interaction(stored)
                if (known.query, known.response) != (interaction.query, interaction.response):
                    raise Conflict("another interaction has this id")
                return "unchanged"
            store, vector = self._collections.store, embedding.vector.tolist()
            payload = interaction.model_dump(mode="json")
            await self._collections.run(partial(store.upsert, NAME, interaction.id, vector, payload))
        self._tracked.inc({"agent_type": interaction.agent_type})
        self._on_change()
        return "created"

    async def get(self, id_: uuid.UUID) -> Interaction:
        """Return an interaction.

        Raises:
            NoSuchInteraction
            NotPrepared, DependencyError
        """
        stored = await self._read(id_)
        if stored is None:
            raise NoSuchInteraction
        return self._interaction(stored)

    async def report(
        self, id_: uuid.UUID, outcome: Outcome, feedback: float | None
    ) -> tuple[Interaction, Literal["stored", "unchanged"]]:
        """Store how an interaction ended, in place of an earlier report.

        Raises:
            NoSuchInteraction
            NotPrepared, DependencyError
        """
        async with self._locks.hold(id_.hex):
            stored = await self._read(id_, vector=True)
            if stored is None:
                raise NoSuchInteraction
            known = self._interaction(stored)
            if (known.outcome, known.user_feedback) == (outcome, feedback):
                return known, "unchanged"
            changes: dict[str, Any] = {
                "outcome": outcome,
                "user_feedback": feedback,
                "value_score": value_score(
                    query=known.query,
                    response=known.response,
                    outcome=outcome,
                    feedback=feedback,
                    novelty=await self._novelty(stored),
                ),
                "updated_at": self._clock().isoformat(),
                "revision": uuid.uuid4().hex,
                "pending": True,
            }
            merge = partial(self._collections.store.merge, NAME, all_of(ids=[str(id_)]), changes)
            await self._collections.run(merge)
        self._outcomes.inc({"outcome": outcome})
        self._on_change()
        return Interaction.model_validate({**stored.payload, **changes}), "stored"

    async def good(self, *, min_value: float, limit: int) -> AsyncGenerator[Interaction, None]:
        """Yield up to `limit` interactions that succeeded and are worth at least `min_value`.

        Raises:
            NotPrepared, DependencyError
        """
        where = all_of(outcome="success", value_score=models.Range(gte=min_value))
        after = None
        while limit > 0:
            page = partial(self._collections.store.page, NAME, where=where, limit=min(limit, EXPORT_PAGE), after=after)
            points, after = await self._collections.run(page)
            for point in points:
                record = self._collections.read(NAME, point.id, point.payload)
                if isinstance(record, Interaction):
                    limit -= 1
                    yield record
            if after is None:
                return

    async def _novelty(self, stored: Point) -> float:
        """1 minus the similarity of the nearest other question that was answered well."""
        search = partial(
            self._collections.store.search,
            NAME,
            stored.vector,
            limit=1,
            threshold=0.0,
            where=all_of(outcome="success", without_ids=[stored.id]),
        )
        hits = await self._collections.run(search)
        return 1.0 - hits[0].score if hits else 1.0

    async def _read(self, id_: uuid.UUID, *, vector: bool = False) -> Point | None:
        found = await self._collections.run(partial(self._collections.store.points, NAME, [str(id_)], vectors=vector))
        return found[0] if found else None

    def _interaction(self, stored: Point) -> Interaction:
        record = self._collections.read(NAME, stored.id, stored.payload)
        if not isinstance(record, Interaction):
            raise NoSuchInteraction
        return record
