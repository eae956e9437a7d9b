"""Qdrant behind the few operations that this service needs: a server, or a directory opened in this process.

qdrant-client's local mode has the same methods as the server's client, declared `async` but computing (and writing
SQLite) without ever giving way. Its calls therefore run on one thread of their own.
"""

import asyncio
import logging
import sqlite3
import ssl
import uuid
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

from qdrant_client import AsyncQdrantClient, models
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.exceptions import ApiException, UnexpectedResponse

from ai_stack.service.settings import SettingsError

T = TypeVar("T")
Operation = Callable[[AsyncQdrantClient], Awaitable[T]]


class VectorStoreError(Exception):
    """Qdrant failed, refused, or answered something else than Qdrant does."""


class CollectionMissing(VectorStoreError):
    """The collection does not exist (any more)."""


class VectorStoreInUse(SettingsError):
    """The directory of a local store is open in another process."""


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


class _Runner(Protocol):
    async def run(self, operation: Operation[T]) -> T: ...

    async def close(self) -> None: ...


class VectorStore:
    """The store. Every operation raises `VectorStoreError` when it fails, `CollectionMissing` where that is why."""

    def __init__(self, runner: _Runner) -> None:
        self._runner = runner

    @classmethod
    async def server(cls, url: str, *, api_key: str | None, timeout: float) -> Self:
        """Return a store on the server at `url`; connects on first use.

        Args:
            timeout: seconds for one request, as a bound of last resort.
        """
        # On a thread, since the library reads files: its own version, and certificates.
        return cls(await asyncio.to_thread(_Server, url, api_key, timeout))

    @classmethod
    async def directory(cls, path: Path) -> Self:
        """Open a store in `path`, which is created when missing.

        Raises:
            VectorStoreInUse: another process has it open.
        """
        return cls(await _Directory.open(path))

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
        self, name: str, *, alias: str, dimension: int, metadata: Mapping[str, Any], hnsw: models.HnswConfigDiff
    ) -> None:
        """Create a collection of cosine vectors unless it exists, and let `alias` name it."""

        async def create(client: AsyncQdrantClient) -> None:
            if not await client.collection_exists(name):
                await client.create_collection(
                    name,
                    vectors_config=models.VectorParams(size=dimension, distance=models.Distance.COSINE),
                    hnsw_config=hnsw,
                    metadata=dict(metadata),
                )
            target = models.CreateAlias(collection_name=name, alias_name=alias)
            await client.update_collection_aliases([models.CreateAliasOperation(create_alias=target)])

        await self._call(create)

    async def upsert(self, name: str, id_: uuid.UUID, vector: list[float], payload: dict[str, Any]) -> None:
        """Store a point; it is durable and searchable on return."""
        point = models.PointStruct(id=str(id_), vector=vector, payload=payload)
        await self._call(lambda client: client.upsert(name, [point], wait=True))

    async def payload(self, name: str, id_: uuid.UUID) -> Mapping[str, Any] | None:
        """Return the payload of a point, None when there is no such point."""
        found = await self._call(lambda client: client.retrieve(name, [str(id_)], with_payload=True))
        return (found[0].payload or {}) if found else None

    async def search(self, name: str, vector: list[float], *, limit: int, threshold: float) -> list[Hit]:
        """Return the nearest points of at least `threshold` cosine similarity, best first."""
        answer = await self._call(
            lambda client: client.query_points(
                name, query=vector, limit=limit, score_threshold=threshold, with_payload=True
            )
        )
        return [Hit(str(point.id), point.score, point.payload or {}) for point in answer.points]

    async def count(self, name: str) -> int:
        """Return the number of points."""
        return (await self._call(lambda client: client.count(name, exact=True))).count

    async def _call(self, operation: Operation[T]) -> T:
        try:
            return await self._runner.run(operation)
        except UnexpectedResponse as error:
            kind = CollectionMissing if error.status_code == 404 else VectorStoreError
            raise kind(f"status {error.status_code}") from error
        except (ApiException, QdrantException, ValueError, AssertionError) as error:
            # The last two: what the library does with answers that are JSON but not Qdrant's.
            raise VectorStoreError(type(error).__name__) from error


class _Server:
    def __init__(self, url: str, api_key: str | None, timeout: float) -> None:
        tls: dict[str, Any] = {}
        if url.startswith("https:"):
            # OpenSSL's own trust store (and SSL_CERT_FILE), so that an internal authority can be added to it.
            tls["verify"] = ssl.create_default_context()
        # The library below logs each request at INFO.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        self._client = AsyncQdrantClient(
            url=url,
            # Not `api_key=`, which warns on plain HTTP even on loopback.
            headers={"api-key": api_key} if api_key else None,
            timeout=max(1, round(timeout)),
            # It would block in the constructor, and there must be a service without Qdrant, too.
            check_compatibility=False,
            # Proxies are for the outside world.
            trust_env=False,
            **tls,
        )

    async def run(self, operation: Operation[T]) -> T:
        return await operation(self._client)

    async def close(self) -> None:
        await self._client.close()


class _Directory:
    """Local mode on a thread of its own, where its SQLite connections live."""

    def __init__(self, thread: ThreadPoolExecutor, client: AsyncQdrantClient) -> None:
        self._thread = thread
        self._client = client

    @classmethod
    async def open(cls, path: Path) -> Self:
        def open_() -> AsyncQdrantClient:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            return AsyncQdrantClient(path=str(path))

        thread = ThreadPoolExecutor(1, thread_name_prefix="qdrant-local")
        try:
            client = await asyncio.wrap_future(thread.submit(open_))
        except RuntimeError as error:
            thread.shutdown(wait=False)
            raise VectorStoreInUse(f"{path}: already in use by another process") from error
        return cls(thread, client)

    async def run(self, operation: Operation[T]) -> T:
        try:
            return await asyncio.wrap_future(self._thread.submit(_finish, operation, self._client))
        except ValueError as error:
            # Its only sign of an unknown collection is the text.
            kind = CollectionMissing if "not found" in str(error) else VectorStoreError
            raise kind(str(error)) from error
        except sqlite3.Error as error:
            raise VectorStoreError(type(error).__name__) from error

    async def close(self) -> None:
        await asyncio.wrap_future(self._thread.submit(_finish, AsyncQdrantClient.close, self._client))
        self._thread.shutdown(wait=False)


def _finish(operation: Operation[T], client: AsyncQdrantClient) -> T:
    """Run an operation of local mode to its end, without an event loop: it never waits for one."""
    coroutine = operation(client).__await__()
    try:
        next(coroutine)
    except StopIteration as end:
        result: T = end.value
        return result
    coroutine.close()
    raise RuntimeError("an operation of Qdrant's local mode waited for an event loop")
