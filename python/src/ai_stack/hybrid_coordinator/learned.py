"""The collections of learned context: created with the model's identity, searched, added to."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import Literal, TypeVar

from pydantic import ValidationError
from qdrant_client import models

from ai_stack.hybrid_coordinator.embedder import Embedding, ModelIdentity
from ai_stack.hybrid_coordinator.model_check import (
    ModelMismatch,
    NotPrepared,
    StoredVectorsOfAnotherModel,
    check_identity,
)
from ai_stack.hybrid_coordinator.record import Record, now
from ai_stack.hybrid_coordinator.records import CollectionSpec
from ai_stack.hybrid_coordinator.settings import ClusterSettings, HnswSettings, UsageSettings
from ai_stack.hybrid_coordinator.usage import usefulness, uses
from ai_stack.hybrid_coordinator.vector_store import CollectionMissing, VectorStore, all_of
from ai_stack.service.guard import Guard
from ai_stack.service.logs import get_logger
from ai_stack.service.tracing import span

__all__ = ["Collections", "Found", "ModelMismatch", "NotPrepared", "StoredVectorsOfAnotherModel"]

T = TypeVar("T")

# Of how many more records than wanted the most useful ones are picked.
OVERSAMPLING = 3

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """A record near to the question.

    Attributes:
        similarity: cosine similarity.
        rank_score: by which it was ranked: the similarity, moved by how useful the record has been.
        usefulness: share of good outcomes with decay, 0 to 1; 0.5 without evidence.
        uses: number of uses with decay.
    """

    id: str
    collection: str
    record: Record
    similarity: float
    rank_score: float
    usefulness: float
    uses: float


class Collections:
    """All collections in one store. Every call to the store goes through `guard`.

    Args:
        store: Qdrant.
        guard: its guard; must count `VectorStoreError` as failure and let `CollectionMissing` pass.
        specs: the collections, by name.
        hnsw: index parameters of collections that are created.
        cluster: shards and replicas of collections that are created.
        usage: how outcomes move records.
        clock: the time of day.
    """

    def __init__(
        self,
        store: VectorStore,
        guard: Guard,
        *,
        specs: Mapping[str, CollectionSpec],
        hnsw: HnswSettings,
        cluster: ClusterSettings,
        usage: UsageSettings,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self.store = store
        self._guard = guard
        self._specs = specs
        self._hnsw = hnsw
        self._cluster = cluster
        self._usage = usage
        self._clock = clock
        self._prepared_for: ModelIdentity | None = None
        self._mismatch: ModelMismatch | None = None
        self._closed = False
        self._under_way = 0
        self._idle = asyncio.Event()
        #: Set when a call found that `prepare` is due.
        self.due = asyncio.Event()

    @property
    def names(self) -> list[str]:
        """Names of the collections."""
        return list(self._specs)

    @property
    def prepared_for(self) -> ModelIdentity | None:
        """The model whose vectors the collections hold; None until `prepare` has succeeded."""
        return self._prepared_for

    async def prepare(self, identity: ModelIdentity) -> None:
        """Create what is missing, and check that all vectors are `identity`'s.

        Raises:
            ModelMismatch: a collection holds another model's vectors; nothing is searched or stored until that ends.
            DependencyError: the store cannot be used.
        """
        for name in self._specs:
            stored = await self._call(partial(self.store.describe, name))
            if stored is None:
                await self._call(partial(self.store.point_alias, name, await self.build(name, identity)))
                stored = await self._call(partial(self.store.describe, name))
            try:
                check_identity(name, stored, identity)
            except ModelMismatch as error:
                self._prepared_for = None
                self._mismatch = error
                raise
        self._mismatch = None
        self._prepared_for = identity

    async def search(
        self,
        name: str,
        embedding: Embedding,
        *,
        limit: int,
        threshold: float,
        where: models.Filter | None = None,
    ) -> list[Found]:
        """Return the records of a collection that are near the question, the best first.

        More are compared than returned, so that one that was useful can overtake one that is a little nearer.

        Raises:
            ModelMismatch, NotPrepared, DependencyError
        """
        self.check(embedding.identity)
        search = partial(
            self.store.search,
            name,
            embedding.vector.tolist(),
            limit=limit * OVERSAMPLING,
            threshold=threshold,
            where=where,
        )
        with span("hybrid.qdrant.search", collection=name):
            hits = await self.run(search)
        found = []
        for hit in hits:
            record = self.read(name, hit.id, hit.payload)
            if record is not None:
                found.append(self._rank(hit.id, name, record, hit.score))
        found.sort(key=lambda item: -item.rank_score)
        return found[:limit]

    def read(self, name: str, id_: str, payload: Mapping[str, object]) -> Record | None:
        """Return a payload as a record; None, and a line in the log, when it is not one."""
        try:
            return self._specs[name].record.model_validate(payload)
        except ValidationError:
            log.warning("collection.unreadable_payload", collection=name, id=id_)
            return None

    async def add(
        self, name: str, record: Record, embedding: Embedding
    ) -> tuple[uuid.UUID, Literal["created", "updated"]]:
        """Store a record under its content id. What the stack counted on an earlier version of it is kept.

        Raises:
            ModelMismatch, NotPrepared, DependencyError
        """
        self.check(embedding.identity)
        id_ = record.content_id()
        stored = await self.run(partial(self.store.points, name, [str(id_)]))
        readable = bool(stored) and self.read(name, str(id_), stored[0].payload) is not None
        if readable:
            # Only the given fields: votes may be written at the same time.
            changed = record.model_dump(mode="json", exclude={"votes", "learned_from", "created_at"})
            await self.run(partial(self.store.merge, name, all_of(ids=[str(id_)]), changed))
        else:
            written = record.model_dump(mode="json")
            await self.run(partial(self.store.upsert, name, id_, embedding.vector.tolist(), written))
        return id_, "updated" if stored else "created"

    async def counts(self) -> dict[str, int]:
        """Return the number of items of each collection.

        Raises:
            NotPrepared, DependencyError
        """
        return {name: await self.run(partial(self.store.count, name)) for name in self._specs}

    def usefulness(self, record: Record) -> float:
        """Return how useful a record is now, 0 to 1."""
        days = self._usage.half_life_days
        return usefulness(record.votes.values(), now=self._clock(), half_life_days=days)

    def check(self, identity: ModelIdentity) -> None:
        """Raise unless the collections hold vectors of this model.

        Raises:
            ModelMismatch, NotPrepared
        """
        if self._closed:
            raise NotPrepared
        if self._mismatch is not None:
            raise self._mismatch
        if self._prepared_for != identity:
            self.due.set()
            raise NotPrepared

    async def run(self, operation: Callable[[], Awaitable[T]]) -> T:
        """Return the result of an operation on `store` that may be repeated.

        Raises:
            NotPrepared, DependencyError
        """
        if self._closed:
            raise NotPrepared
        self._under_way += 1
        try:
            return await self._call(operation)
        except CollectionMissing:
            # Removed behind our back, or the store was set up anew: to be prepared again.
            self._prepared_for = None
            self.due.set()
            raise NotPrepared from None
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    @asynccontextmanager
    async def closed(self) -> AsyncIterator[Callable[[Callable[[], Awaitable[T]]], Awaitable[T]]]:
        """Let nobody use the collections meanwhile but by the function that is yielded; those under way end first."""
        self._closed = True
        try:
            while self._under_way:
                self._idle.clear()
                await self._idle.wait()
            yield self._call
        finally:
            self._closed = False

    def _rank(self, id_: str, name: str, record: Record, similarity: float) -> Found:
        useful = self.usefulness(record)
        return Found(
            id=id_,
            collection=name,
            record=record,
            similarity=similarity,
            rank_score=similarity + self._usage.weight * (2 * useful - 1),
            usefulness=useful,
            uses=uses(record.votes.values(), now=self._clock(), half_life_days=self._usage.half_life_days),
        )

    async def build(self, name: str, identity: ModelIdentity) -> str:
        """Create the collection that holds `identity`'s vectors, unless it exists, and return its real name.

        It is not in use before the alias `name` points to it: so vectors of another model are built beside those in
        use, and take over in one step.

        Raises:
            DependencyError
        """
        digest = sha256(identity.model_dump_json().encode()).hexdigest()
        hnsw = models.HnswConfigDiff(
            m=self._hnsw.m,
            ef_construct=self._hnsw.ef_construct,
            full_scan_threshold=self._hnsw.full_scan_threshold,
        )
        real = f"{name}--{digest[:12]}"
        create = partial(
            self.store.create,
            real,
            dimension=identity.dimensions,
            metadata=identity.model_dump(),
            hnsw=hnsw,
            indexes=self._specs[name].indexes,
            shards=self._cluster.shards,
            replicas=self._cluster.replicas,
        )
        await self._call(create)
        log.info("collection.created", collection=name, model=str(identity))
        return real

    async def _call(self, operation: Callable[[], Awaitable[T]]) -> T:
        return await self._guard.call(operation, idempotent=True)
