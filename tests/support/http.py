"""Applications on real sockets, and keys to call them with."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from ai_stack.service.auth import generate_key, key_record
from ai_stack.service.runner import serving


@dataclass(frozen=True)
class Keys:
    """A key file and the keys in it."""

    path: Path
    read: str
    write: str
    admin: str


def make_keys(directory: Path) -> Keys:
    """Write a key file with one key for each scope."""
    keys = {scope: generate_key() for scope in ("read", "write", "admin")}
    path = directory / "api-keys.json"
    path.write_text(json.dumps([key_record(scope, key, {scope}) for scope, key in keys.items()]))
    path.chmod(0o600)
    return Keys(path, **keys)


@asynccontextmanager
async def running(app: web.Application) -> AsyncIterator[str]:
    """Serve an application of `Service.build` as its process would; yield its base URL. Settings must have port 0."""
    async with serving(app) as listener:
        host, port = listener.sockets[0].getsockname()[:2]
        yield f"http://{host}:{port}"


@dataclass(frozen=True)
class Answer:
    """An answer, read to its end."""

    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Api:
    """A small client with a default key.

    Args:
        base: base URL.
        session: to send with.
        key: sent as X-API-Key, None for none.
    """

    def __init__(self, base: str, session: aiohttp.ClientSession, key: str | None) -> None:
        self.base = base
        self._session = session
        self._key = key

    async def __call__(self, method: str, path: str, *, headers: dict[str, str] | None = None, **kwargs: Any) -> Answer:
        """Send a request."""
        merged = {**({"X-API-Key": self._key} if self._key else {}), **(headers or {})}
        async with self._session.request(method, self.base + path, headers=merged, **kwargs) as response:
            return Answer(response.status, response.headers, await response.read())

    def with_key(self, key: str | None) -> "Api":
        """Return the same client with another key."""
        return Api(self.base, self._session, key)


@asynccontextmanager
async def api(base: str, key: str | None) -> AsyncIterator[Api]:
    """A client of `base` that shows `key`."""
    async with aiohttp.ClientSession() as session:
        yield Api(base, session, key)
