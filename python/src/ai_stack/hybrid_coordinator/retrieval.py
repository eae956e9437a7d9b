"""Asking every source at once, under one deadline, and saying which could not answer."""

import asyncio
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from ai_stack.hybrid_coordinator.candidates import Candidate, Ranking
from ai_stack.hybrid_coordinator.embedder import Embedder, Embedding
from ai_stack.hybrid_coordinator.learned import Collections, Found
from ai_stack.hybrid_coordinator.settings import CollectionSettings
from ai_stack.hybrid_coordinator.sources import AIDB, NIXOS_DOCS, AidbSource, NixosDocsSource
from ai_stack.service.deadline import deadline
from ai_stack.service.errors import ServiceError
from ai_stack.service.logs import get_logger

log = get_logger(__name__)

EMBEDDINGS = "embeddings"
QDRANT = "qdrant"


@dataclass(slots=True)
class Retrieved:
    """What the sources returned in time.

    Attributes:
        rankings: one for each source that answered.
        degraded: dependencies that did not do their part.
        timings: milliseconds by stage.
    """

    rankings: list[Ranking] = field(default_factory=list)
    degraded: set[str] = field(default_factory=set)
    timings: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Retrieval:
    """Searches all sources for a question.

    Attributes:
        embedder: makes the question's vector.
        aidb, nixos_docs: None when not used.
        collections: the learned context.
        plan: the collections that are searched unless told otherwise, by name, and how.
        embedding_share: of the time given, in which the vector must be there.
    """

    embedder: Embedder
    aidb: AidbSource | None
    nixos_docs: NixosDocsSource | None
    collections: Collections
    plan: Mapping[str, CollectionSettings]
    embedding_share: float

    async def search(
        self,
        question: str,
        *,
        seconds: float,
        plan: Mapping[str, CollectionSettings] | None = None,
        without: Collection[str] = frozenset(),
    ) -> Retrieved:
        """Return what is found within `seconds`. No failure of a dependency is raised; see `Retrieved.degraded`.

        Args:
            question: as the user asked it.
            seconds: for everything.
            plan: the collections to search instead of the usual ones.
            without: ids of passages that are left out.
        """
        run = _Run(self, question, seconds, self.plan if plan is None else plan)
        with deadline(seconds):
            await run.everything()
        # In a fixed order: whichever source was faster must not decide between equal ranks.
        order = [AIDB, NIXOS_DOCS, *self.collections.names]
        run.result.rankings.sort(key=lambda ranking: order.index(ranking.name))
        if without:
            run.result.rankings = [
                Ranking(ranking.name, tuple(c for c in ranking.candidates if c.id not in without))
                for ranking in run.result.rankings
            ]
        return run.result


class _Run:
    """One question on its way."""

    def __init__(
        self, sources: Retrieval, question: str, seconds: float, plan: Mapping[str, CollectionSettings]
    ) -> None:
        self._sources = sources
        self._question = question
        self._seconds = seconds
        self._plan = plan
        self._pending: list[str] = []
        self.result = Retrieved()

    async def everything(self) -> None:
        try:
            async with asyncio.timeout(self._seconds), asyncio.TaskGroup() as group:
                if self._sources.nixos_docs is not None:
                    group.create_task(self._documentation(self._sources.nixos_docs))
                group.create_task(self._by_vector(group))
        except TimeoutError:
            log.warning("retrieval.deadline", unfinished=sorted(self._pending))
            self.result.degraded.update(self._pending)

    async def _by_vector(self, group: asyncio.TaskGroup) -> None:
        embedding = await self._embedding()
        if self._sources.aidb is not None:
            group.create_task(self._documents(self._sources.aidb, embedding))
        if embedding is not None:
            for name, settings in self._plan.items():
                group.create_task(self._learned(name, settings, embedding))

    async def _embedding(self) -> Embedding | None:
        seconds = self._seconds * self._sources.embedding_share
        with self._stage("embed_ms", EMBEDDINGS), deadline(seconds):
            try:
                async with asyncio.timeout(seconds):
                    return await self._sources.embedder.embed(self._question)
            except (ServiceError, TimeoutError) as error:
                self._failed(EMBEDDINGS, error)
                return None

    async def _documentation(self, source: NixosDocsSource) -> None:
        with self._stage("nixos_docs_ms", NIXOS_DOCS):
            try:
                ranking, degraded = await source.search(self._question)
            except ServiceError as error:
                self._failed(NIXOS_DOCS, error)
                return
            self._found(ranking)
            if degraded:
                self.result.degraded.add(NIXOS_DOCS)

    async def _documents(self, source: AidbSource, embedding: Embedding | None) -> None:
        with self._stage("aidb_ms", AIDB):
            try:
                ranking, degraded = await source.search(self._question, embedding)
            except ServiceError as error:
                self._failed(AIDB, error)
                return
            self._found(ranking)
            # Without a vector it was asked for keywords only; that is not its fault.
            if degraded and embedding is not None:
                self.result.degraded.add(AIDB)

    async def _learned(self, name: str, settings: CollectionSettings, embedding: Embedding) -> None:
        with self._stage("qdrant_ms", QDRANT):
            try:
                found = await self._sources.collections.search(
                    name, embedding, limit=settings.limit, threshold=settings.threshold
                )
            except ServiceError as error:
                self._failed(QDRANT, error)
                return
            self._found(Ranking(name, tuple(_candidate(item) for item in found)))

    def _found(self, ranking: Ranking) -> None:
        self.result.rankings.append(ranking)

    def _failed(self, name: str, error: Exception) -> None:
        self.result.degraded.add(name)
        reason = error.message if isinstance(error, ServiceError) else "did not answer in time"
        log.warning("retrieval.degraded", dependency=name, reason=reason)

    @contextmanager
    def _stage(self, timing: str, name: str) -> Iterator[None]:
        started = time.perf_counter()
        self._pending.append(name)
        yield
        # Not in a finally: what is cancelled stays pending.
        self._pending.remove(name)
        spent = (time.perf_counter() - started) * 1000
        self.result.timings[timing] = max(self.result.timings.get(timing, 0.0), round(spent, 3))


def _candidate(found: Found) -> Candidate:
    return Candidate(
        id=found.id,
        service=QDRANT,
        collection=found.collection,
        text=found.record.passage(),
        score=found.rank_score,
        similarity=found.similarity,
        title=found.record.heading,
    )
