"""Where Qdrant runs: on a server, or in a directory opened in this process.

qdrant-client's local mode has the same methods as the server's client, declared `async` but computing (and writing
SQLite) without ever giving way. Its calls therefore run on one thread of their own.
"""

import asyncio
import logging
import sqlite3
import ssl
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

from qdrant_client import AsyncQdrantClient

from ai_stack.service.settings import SettingsError

T = TypeVar("T")
Operation = Callable[[AsyncQdrantClient], Awaitable[T]]


class VectorStoreError(Exception):
    """Qdrant failed, refused, or answered something else than Qdrant does."""


class CollectionMissing(VectorStoreError):
    """The collection does not exist (any more)."""


class VectorStoreInUse(SettingsError):
    """The directory of a local store is open in another process."""


class Runner(Protocol):
    """Runs operations on a client. `indexes_payloads` says whether payload indexes mean anything there."""

    indexes_payloads: ClassVar[bool]

    async def run(self, operation: Operation[T]) -> T:
        """Return the operation's result."""
        ...

    async def close(self) -> None:
        """Close connections and files."""
        ...


class ServerRunner:
    """A server over HTTP. To be made on a thread, since the library reads files: its own version, and certificates."""

    indexes_payloads: ClassVar[bool] = True

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
        """See `Runner`."""
        return await operation(self._client)

    async def close(self) -> None:
        """See `Runner`."""
        await self._client.close()


class DirectoryRunner:
    """Local mode on a thread of its own, where its SQLite connections live."""

    indexes_payloads: ClassVar[bool] = False

    def __init__(self, thread: ThreadPoolExecutor, client: AsyncQdrantClient) -> None:
        self._thread = thread
        self._client = client

    @classmethod
    async def open(cls, path: Path) -> "DirectoryRunner":
        """Open `path`, which is created when missing.

        Raises:
            VectorStoreInUse: another process has it open.
        """

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
        """See `Runner`."""
        try:
            return await asyncio.wrap_future(self._thread.submit(_finish, operation, self._client))
        except ValueError as error:
            # Its only sign of an unknown collection is the text.
            kind = CollectionMissing if "not found" in str(error) else VectorStoreError
            raise kind(str(error)) from error
        except sqlite3.Error as error:
            raise VectorStoreError(type(error).__name__) from error

    async def close(self) -> None:
        """See `Runner`."""
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
