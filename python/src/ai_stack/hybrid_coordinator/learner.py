"""Learning from interactions: votes on the records that were used, and new records from what went well.

Works through the interactions marked `pending` and takes the mark away when all has been stored. A crash in between
means that an interaction is worked through again, which changes nothing that was done: votes and sources are kept by
interaction, and equal content has one id.
"""

import asyncio
import contextlib
from functools import partial

from ai_stack.hybrid_coordinator.extraction import record_of, uuids
from ai_stack.hybrid_coordinator.learned import Collections
from ai_stack.hybrid_coordinator.passages import clean_line
from ai_stack.hybrid_coordinator.record import Record
from ai_stack.hybrid_coordinator.records import OPEN_COLLECTIONS, ErrorSolution, Interaction, SkillPattern
from ai_stack.hybrid_coordinator.settings import LearningSettings
from ai_stack.hybrid_coordinator.usage import Vote, superfluous
from ai_stack.hybrid_coordinator.value import OUTCOME
from ai_stack.hybrid_coordinator.vector_store import Point, all_of
from ai_stack.service.errors import ServiceError
from ai_stack.service.logs import get_logger
from ai_stack.service.metrics import ServiceMetrics

log = get_logger(__name__)

NAME = Interaction.collection
PAGE = 32
RETRY_SECONDS = 1.0
#: Another instance may have stored something to learn from; and so may a run that ended early.
LOOK_SECONDS = 30.0
#: Interactions that a record names as its sources, and questions that it lists as examples.
MAX_SOURCES = 64
MAX_EXAMPLES = 32
EXAMPLE_LIMIT = 300


class Learner:
    """Learns from pending interactions.

    Args:
        collections: of learned context.
        settings: what is worth learning.
        metrics: of the service.
    """

    def __init__(self, collections: Collections, settings: LearningSettings, metrics: ServiceMetrics) -> None:
        self._collections = collections
        self._settings = settings
        self._wanted = asyncio.Event()
        self._reported: str | None = None
        self._learned = metrics.counter(
            "hybrid_learned_total", "Interactions learned from, by collection and whether it was a new record."
        )

    def wake(self) -> None:
        """Say that there may be something to learn."""
        self._wanted.set()

    async def once(self) -> int:
        """Work through what is pending now, and return how many interactions that were.

        Raises:
            NotPrepared, DependencyError
        """
        store, done, after = self._collections.store, 0, None
        while True:
            page = partial(store.page, NAME, where=all_of(pending=True), limit=PAGE, after=after, vectors=True)
            points, after = await self._collections.run(page)
            for point in points:
                await self._work_through(point)
                done += 1
            if after is None:
                return done

    async def keep(self) -> None:
        """Repeat `once` until cancelled."""
        while True:
            self._wanted.clear()
            try:
                await self.once()
            except ServiceError as error:
                self._report(error.message)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            except Exception:
                # A fault of ours; the loop must live, or nothing would be learned any more without a word.
                log.exception("learning.failed")
                await asyncio.sleep(RETRY_SECONDS)
                continue
            self._reported = None
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wanted.wait(), LOOK_SECONDS)

    async def _work_through(self, point: Point) -> None:
        interaction = self._collections.read(NAME, point.id, point.payload)
        done: dict[str, object] = {"pending": False}
        if not isinstance(interaction, Interaction):
            await self._merge(NAME, [point.id], done)
            return
        await self._vote(interaction)
        if interaction.outcome == "success" and (interaction.value_score or 0.0) >= self._settings.min_value:
            await self._learn(interaction, point.vector)
        elif interaction.learned_as is not None:
            await self._unlearn(interaction)
        # A report that came in the meantime has another revision, and stays pending.
        where = all_of(ids=[point.id], revision=interaction.revision)
        await self._collections.run(partial(self._collections.store.merge, NAME, where, done))

    async def _vote(self, interaction: Interaction) -> None:
        ids = uuids(interaction.context_provided)
        if not ids:
            return
        value = None if interaction.outcome is None else OUTCOME[interaction.outcome]
        vote = Vote(value=value, at=interaction.updated_at)
        for name in OPEN_COLLECTIONS:
            points = await self._collections.run(partial(self._collections.store.points, name, ids))
            if not points:
                continue
            voted: dict[str, object] = {interaction.id.hex: vote.model_dump(mode="json")}
            await self._merge(name, [point.id for point in points], voted, key="votes")
            for point in points:
                record = self._collections.read(name, point.id, point.payload)
                if record is None:
                    continue
                if old := superfluous({**record.votes, interaction.id.hex: vote}):
                    await self._forget(name, point.id, [f"votes.{voter}" for voter in old])

    async def _learn(self, interaction: Interaction, vector: list[float]) -> None:
        record = record_of(interaction)
        if record is None:
            return
        store, name = self._collections.store, record.collection
        near = await self._collections.run(
            partial(store.search, name, vector, limit=1, threshold=self._settings.duplicate_similarity)
        )
        id_ = near[0].id if near else str(record.content_id())
        # Before the record itself, so that it can always be found again.
        await self._merge(NAME, [str(interaction.id)], {"learned_as": f"{name}/{id_}"})
        stored = await self._collections.run(partial(store.points, name, [id_]))
        known = self._collections.read(name, id_, stored[0].payload) if stored else None
        if known is None:
            payload = record.model_dump(mode="json")
            await self._collections.run(partial(store.upsert, name, record.content_id(), vector, payload))
            self._learned.inc({"collection": name, "change": "created"})
            return
        if interaction.id.hex in known.learned_from:
            return
        await self._merge(name, [id_], dict(record.learned_from), key="learned_from")
        await self._merge(name, [id_], _addition(known, interaction))
        if len(known.learned_from) >= MAX_SOURCES:
            await self._forget(name, id_, [f"learned_from.{next(iter(known.learned_from))}"])
        self._learned.inc({"collection": name, "change": "merged"})

    async def _unlearn(self, interaction: Interaction) -> None:
        """Take back what was learned from an interaction that is no longer good."""
        name, _, id_ = (interaction.learned_as or "").partition("/")
        if name not in OPEN_COLLECTIONS:
            return
        store = self._collections.store
        for point in await self._collections.run(partial(store.points, name, [id_])):
            record = self._collections.read(name, id_, point.payload)
            if record is None or interaction.id.hex not in record.learned_from:
                continue
            if len(record.learned_from) == 1 and not record.given:
                await self._collections.run(partial(store.delete, name, all_of(ids=[id_])))
            else:
                await self._forget(name, id_, [f"learned_from.{interaction.id.hex}"])
            log.info("learning.taken_back", collection=name, id=id_)
        await self._merge(NAME, [str(interaction.id)], {"learned_as": None})

    async def _merge(self, name: str, ids: list[str], payload: dict[str, object], *, key: str | None = None) -> None:
        await self._collections.run(partial(self._collections.store.merge, name, all_of(ids=ids), payload, key=key))

    async def _forget(self, name: str, id_: str, keys: list[str]) -> None:
        await self._collections.run(partial(self._collections.store.forget, name, all_of(ids=[id_]), keys))

    def _report(self, reason: str) -> None:
        # Once per cause: this repeats every second for as long as a dependency is away.
        if reason != self._reported:
            self._reported = reason
            log.warning("learning.waits", reason=reason)


def _addition(known: Record, interaction: Interaction) -> dict[str, object]:
    """What changes in a record when another interaction confirms it."""
    changes: dict[str, object] = {"updated_at": interaction.updated_at.isoformat()}
    if isinstance(known, SkillPattern):
        example = clean_line(interaction.query, EXAMPLE_LIMIT)
        if example != known.description and example not in known.success_examples:
            changes["success_examples"] = [*known.success_examples, example][-MAX_EXAMPLES:]
    if isinstance(known, ErrorSolution):
        changes["solution_verified"] = True
    return changes
