"""Qdrant behind the few operations that this service needs: a server, or a directory opened in this process."""

import asyncio
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

from qdrant_client import AsyncQdrantClient, models
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.exceptions import ApiException, UnexpectedResponse

from ai_stack.hybrid_coordinator.qdrant_runner import (
    CollectionMissing,
    DirectoryRunner,
    Operation,
    Runner,
    ServerRunner,
    VectorStoreError,
    VectorStoreInUse,
)

__all__ = [
    "CollectionMissing",
    "Hit",
    "Point",
    "StoredCollection",
    "VectorStore",
    "VectorStoreError",
    "VectorStoreInUse",
    "all_of",
]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StoredCollection:
    """A collection as the store describes it. `name` is the real one, behind the alias."""

    name: str
    dimension: int | None
    metadata: Mapping[str, Any]
    points: int


@dataclass(frozen=True, slots=True)
class Hit:
    """A point near the query; `score` is the cosine similarity."""

    id: str
    score: float
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Point:
    """A stored point; `vector` is empty unless it was asked for."""

    id: str
    payload: Mapping[str, Any]
    vector: list[float]


class VectorStore:
    """The store. Every operation raises `VectorStoreError` when it fails, `CollectionMissing` where that is why."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    @classmethod
    async def server(cls, url: str, *, api_key: str | None, timeout: float) -> Self:
        """Return a store on the server at `url`; connects on first use.

        Args:
            timeout: seconds for one request, as a bound of last resort.
        """
        return cls(await asyncio.to_thread(ServerRunner, url, api_key, timeout))

    @classmethod
    async def directory(cls, path: Path) -> Self:
        """Open a store in `path`, which is created when missing.

        Raises:
            VectorStoreInUse: another process has it open.
        """
        return cls(await DirectoryRunner.open(path))

    async def close(self) -> None:
        """Close connections and files."""
        await self._runner.close()

    async def ping(self) -> None:
        """Raise unless the store answers."""
        await self._call(lambda client: client.get_collections())

    async def describe(self, name: str) -> StoredCollection | None:
        """Return what is stored under a collection's name or alias, None when there is nothing."""
        try:
            info = await self._call(lambda client: client.get_collection(name))
        except CollectionMissing:
            return None
        aliases = await self._call(lambda client: client.get_aliases())
        real = {alias.alias_name: alias.collection_name for alias in aliases.aliases}
        vectors = info.config.params.vectors
        dimension = vectors.size if isinstance(vectors, models.VectorParams) else None
        return StoredCollection(real.get(name, name), dimension, info.config.metadata or {}, info.points_count or 0)

    async def create(
        self,
        name: str,
        *,
        dimension: int,
        metadata: Mapping[str, Any],
        hnsw: models.HnswConfigDiff,
        indexes: Mapping[str, str] | None = None,
        shards: int | None = None,
        replicas: int | None = None,
    ) -> None:
        """Create a collection of cosine vectors unless it exists.

        Args:
            name: the real name; see `point_alias`.
            dimension: of the vectors.
            metadata: kept with it.
            hnsw: parameters of its vector index.
            indexes: Qdrant's type of each payload field that is filtered by.
            shards, replicas: of a cluster; the server's defaults when None.
        """
        indexed = (indexes or {}) if self._runner.indexes_payloads else {}

        async def create(client: AsyncQdrantClient) -> None:
            if not await client.collection_exists(name):
                await client.create_collection(
                    name,
                    vectors_config=models.VectorParams(size=dimension, distance=models.Distance.COSINE),
                    hnsw_config=hnsw,
                    metadata=dict(metadata),
                    shard_number=shards,
                    replication_factor=replicas,
                )
            for field, kind in indexed.items():
                await client.create_payload_index(name, field, models.PayloadSchemaType(kind), wait=True)

        await self._call(create)

    async def point_alias(self, alias: str, name: str) -> None:
        """Let `alias` name the collection `name` from now on, in one step if it named another one before."""
        target = models.CreateAlias(collection_name=name, alias_name=alias)

        async def point(client: AsyncQdrantClient) -> None:
            known = {entry.alias_name for entry in (await client.get_aliases()).aliases}
            release = models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=alias))
            create = models.CreateAliasOperation(create_alias=target)
            await client.update_collection_aliases([release, create] if alias in known else [create])

        await self._call(point)

    async def drop(self, name: str) -> None:
        """Delete a collection with everything in it."""
        await self._call(lambda client: client.delete_collection(name))

    async def upsert(self, name: str, id_: uuid.UUID, vector: list[float], payload: dict[str, Any]) -> None:
        """Store a point; it is durable and searchable on return."""
        await self.upsert_all(name, [Point(str(id_), payload, vector)])

    async def upsert_all(self, name: str, points: Iterable[Point]) -> None:
        """Store points; they are durable and searchable on return."""
        stored = [models.PointStruct(id=p.id, vector=p.vector, payload=dict(p.payload)) for p in points]
        await self._call(lambda client: client.upsert(name, stored, wait=True))

    async def merge(self, name: str, where: models.Filter, payload: dict[str, Any], *, key: str | None = None) -> None:
        """Set the given fields of the points that match, and keep their others; durable on return.

        Args:
            name: of the collection.
            where: which points; none matching is no error.
            payload: the fields.
            key: of an object in the payload that has these fields, instead of the payload itself.
        """
        await self._call(lambda client: client.set_payload(name, payload, where, key=key, wait=True))

    async def forget(self, name: str, where: models.Filter, keys: list[str]) -> None:
        """Remove fields (paths like `votes.x`) of the points that match; durable on return."""
        await self._call(lambda client: client.delete_payload(name, keys, where, wait=True))

    async def delete(self, name: str, where: models.Filter) -> None:
        """Delete the points that match; durable on return."""
        await self._call(lambda client: client.delete(name, models.FilterSelector(filter=where), wait=True))

    async def points(self, name: str, ids: Iterable[str], *, vectors: bool = False) -> list[Point]:
        """Return the points of these ids that exist."""
        wanted = list(ids)
        if not wanted:
            return []
        found = await self._call(lambda client: client.retrieve(name, wanted, with_payload=True, with_vectors=vectors))
        return [_point(record) for record in found]

    async def page(
        self, name: str, *, where: models.Filter | None, limit: int, after: str | None = None, vectors: bool = False
    ) -> tuple[list[Point], str | None]:
        """Return up to `limit` points in the order of their ids, and where the next page starts (None: nowhere)."""
        found, following = await self._call(
            lambda client: client.scroll(
                name, scroll_filter=where, limit=limit, offset=after, with_payload=True, with_vectors=vectors
            )
        )
        return [_point(record) for record in found], None if following is None else str(following)

    async def search(
        self, name: str, vector: list[float], *, limit: int, threshold: float, where: models.Filter | None = None
    ) -> list[Hit]:
        """Return the nearest points of at least `threshold` cosine similarity, best first."""
        answer = await self._call(
            lambda client: client.query_points(
                name, query=vector, limit=limit, score_threshold=threshold, query_filter=where, with_payload=True
            )
        )
        return [Hit(str(point.id), point.score, point.payload or {}) for point in answer.points]

    async def count(self, name: str, where: models.Filter | None = None) -> int:
        """Return the number of points."""
        return (await self._call(lambda client: client.count(name, count_filter=where, exact=True))).count

    async def _call(self, operation: Operation[T]) -> T:
        try:
            return await self._runner.run(operation)
        except UnexpectedResponse as error:
            kind = CollectionMissing if error.status_code == 404 else VectorStoreError
            raise kind(f"status {error.status_code}") from error
        except (ApiException, QdrantException, ValueError, AssertionError) as error:
            # The last two: what the library does with answers that are JSON but not Qdrant's.
            raise VectorStoreError(type(error).__name__) from error


def all_of(
    *,
    ids: Iterable[str] | None = None,
    without_ids: Iterable[str] | None = None,
    **fields: str | bool | models.Range | models.DatetimeRange,
) -> models.Filter:
    """Return a filter for points of these ids, not of those, with these payload values (or values in these ranges)."""
    must: list[models.Condition] = []
    if ids is not None:
        must.append(models.HasIdCondition(has_id=list(ids)))
    for name, value in fields.items():
        if isinstance(value, models.Range | models.DatetimeRange):
            must.append(models.FieldCondition(key=name, range=value))
        else:
            must.append(models.FieldCondition(key=name, match=models.MatchValue(value=value)))
    must_not: list[models.Condition] = []
    if without_ids is not None:
        must_not.append(models.HasIdCondition(has_id=list(without_ids)))
    return models.Filter(must=must or None, must_not=must_not or None)


def _point(record: models.Record) -> Point:
    vector: Any = record.vector
    return Point(str(record.id), record.payload or {}, vector if isinstance(vector, list) else [])
