"""The collections of learned context: created with the model's identity, searched, added to."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from typing import Literal, TypeVar

from pydantic import ValidationError
from qdrant_client import models

from ai_stack.hybrid_coordinator.candidates import Candidate, Ranking
from ai_stack.hybrid_coordinator.embedder import Embedding, ModelIdentity
from ai_stack.hybrid_coordinator.records import BestPractice, CollectionSpec
from ai_stack.hybrid_coordinator.settings import CollectionSettings, HnswSettings
from ai_stack.hybrid_coordinator.vector_store import CollectionMissing, StoredCollection, VectorStore
from ai_stack.service.errors import Conflict, Unavailable
from ai_stack.service.guard import Guard
from ai_stack.service.logs import get_logger
from ai_stack.service.settings import SettingsError
from ai_stack.service.tracing import span

T = TypeVar("T")

log = get_logger(__name__)


class ModelMismatch(Conflict):
    """The vectors of a collection are another model's than the one that is running."""

    def __init__(self, collection: str, stored: str, running: ModelIdentity) -> None:
        super().__init__(
            f"collection {collection} holds vectors of {stored}, but the embeddings service runs {running}; "
            "run that model again, or remove the collection and store its items anew"
        )


class StoredVectorsOfAnotherModel(SettingsError):
    """As `ModelMismatch`, found at start."""


class NotPrepared(Unavailable):
    """The collections are not there yet: the model's identity or the store is still unknown."""

    def __init__(self) -> None:
        super().__init__("the collections are not available yet", retry_after=1.0)


class Collections:
    """All collections in one store. Every call to the store goes through `guard`.

    Args:
        store: Qdrant.
        guard: its guard; must count `VectorStoreError` as failure and let `CollectionMissing` pass.
        specs: the collections, by name.
        search: limit and threshold of each, by name.
        hnsw: index parameters of collections that are created.
    """

    def __init__(
        self,
        store: VectorStore,
        guard: Guard,
        *,
        specs: Mapping[str, CollectionSpec],
        search: Mapping[str, CollectionSettings],
        hnsw: HnswSettings,
    ) -> None:
        self._store = store
        self._guard = guard
        self._specs = specs
        self._search = search
        self._hnsw = hnsw
        self._prepared_for: ModelIdentity | None = None
        self._mismatch: ModelMismatch | None = None
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
            stored = await self._call(partial(self._store.describe, name))
            if stored is None:
                await self._create(name, identity)
                stored = await self._call(partial(self._store.describe, name))
            if stored is None or _identity_of(stored) != identity:
                self._prepared_for = None
                self._mismatch = ModelMismatch(name, _describe(stored), identity)
                raise self._mismatch
        self._mismatch = None
        self._prepared_for = identity

    async def search(self, name: str, embedding: Embedding) -> Ranking:
        """Return the passages of a collection that are near the question.

        Raises:
            ModelMismatch, NotPrepared, DependencyError
        """
        self._check(embedding.identity)
        settings = self._search[name]
        search = partial(
            self._store.search,
            name,
            embedding.vector.tolist(),
            limit=settings.limit,
            threshold=settings.threshold,
        )
        with span("hybrid.qdrant.search", collection=name):
            hits = await self._found(search)
        candidates = []
        for hit in hits:
            try:
                record = self._specs[name].record.model_validate(hit.payload)
            except ValidationError:
                log.warning("collection.unreadable_payload", collection=name, id=hit.id)
                continue
            candidates.append(
                Candidate(
                    id=hit.id,
                    service="qdrant",
                    collection=name,
                    text=record.passage(),
                    score=hit.score,
                    similarity=hit.score,
                    title=record.title,
                )
            )
        return Ranking(name, tuple(candidates))

    async def add(
        self, name: str, record: BestPractice, embedding: Embedding
    ) -> tuple[uuid.UUID, Literal["created", "updated"]]:
        """Store a record under its content id. What the stack counted on an earlier version of it is kept.

        Raises:
            ModelMismatch, NotPrepared, DependencyError
        """
        self._check(embedding.identity)
        id_ = record.content_id()
        payload = await self._found(partial(self._store.payload, name, id_))
        if payload is not None:
            record = record.updating(payload)
        record = record.model_copy(update={"last_validated": datetime.now(UTC)})
        written = record.model_dump(mode="json")
        await self._found(partial(self._store.upsert, name, id_, embedding.vector.tolist(), written))
        return id_, "created" if payload is None else "updated"

    async def counts(self) -> dict[str, int]:
        """Return the number of items of each collection.

        Raises:
            NotPrepared, DependencyError
        """
        return {name: await self._found(partial(self._store.count, name)) for name in self._specs}

    async def _create(self, name: str, identity: ModelIdentity) -> None:
        # The alias lets another model's vectors be built beside these and take over in one step.
        digest = sha256(identity.model_dump_json().encode()).hexdigest()
        hnsw = models.HnswConfigDiff(
            m=self._hnsw.m,
            ef_construct=self._hnsw.ef_construct,
            full_scan_threshold=self._hnsw.full_scan_threshold,
        )
        create = partial(
            self._store.create,
            f"{name}--{digest[:12]}",
            alias=name,
            dimension=identity.dimensions,
            metadata=identity.model_dump(),
            hnsw=hnsw,
        )
        await self._call(create)
        log.info("collection.created", collection=name, model=str(identity))

    def _check(self, identity: ModelIdentity) -> None:
        if self._mismatch is not None:
            raise self._mismatch
        if self._prepared_for != identity:
            self.due.set()
            raise NotPrepared

    async def _found(self, operation: Callable[[], Awaitable[T]]) -> T:
        try:
            return await self._call(operation)
        except CollectionMissing:
            # Removed behind our back, or the store was set up anew: to be prepared again.
            self._prepared_for = None
            self.due.set()
            raise NotPrepared from None

    async def _call(self, operation: Callable[[], Awaitable[T]]) -> T:
        return await self._guard.call(operation, idempotent=True)


def _identity_of(stored: StoredCollection) -> ModelIdentity | None:
    try:
        identity = ModelIdentity.model_validate(stored.metadata)
    except ValidationError:
        return None
    return identity if identity.dimensions == stored.dimension else None


def _describe(stored: StoredCollection | None) -> str:
    identity = None if stored is None else _identity_of(stored)
    return "an unknown model" if identity is None else str(identity)
