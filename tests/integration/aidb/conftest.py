"""aidb on a real socket with a real PostgreSQL, and a stand-in for the embeddings service."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

import pytest

from ai_stack.aidb.app import create_app
from ai_stack.aidb.settings import AidbSettings
from ai_stack.local.postgres import ConnectionParameters
from support.http import Api, Keys, api, make_keys, running
from support.stores import PostgresFixture

from .fakes import FakeEmbeddings


class Start(Protocol):
    """Starts the service with settings of one's own."""

    def __call__(self, **changes: Any) -> AbstractAsyncContextManager[Api]: ...


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def keys(tmp_path: Any) -> Keys:
    return make_keys(tmp_path)


@pytest.fixture
async def embeddings() -> AsyncIterator[FakeEmbeddings]:
    fake = FakeEmbeddings()
    await fake.start()
    yield fake
    fake.hold.set()
    await fake.stop()


@pytest.fixture
def store(postgres: PostgresFixture) -> ConnectionParameters:
    """A fresh database."""
    return postgres.new_database()


def settings_for(store: ConnectionParameters, **changes: Any) -> dict[str, Any]:
    """Return settings of a service on `store`."""
    return {
        "port": 0,
        "postgres_host": store.host,
        "postgres_port": store.port,
        "postgres_database": store.database,
        "postgres_user": store.user,
        "postgres_password": store.password,
        "postgres_pool_size": 5,
        "shutdown_timeout": 1.0,
        **changes,
    }


@pytest.fixture
def start(keys: Keys, embeddings: FakeEmbeddings, store: ConnectionParameters) -> Start:
    """Starts the service; the client may write."""

    @asynccontextmanager
    async def start_(**changes: Any) -> AsyncIterator[Api]:
        values = settings_for(store, api_keys_file=keys.path, embeddings_url=embeddings.url) | changes
        # On a thread, since the process builds it before its event loop runs.
        app = await asyncio.to_thread(lambda: create_app(AidbSettings(**values)))
        async with running(app) as base, api(base, keys.write) as client:
            yield client

    return start_


@pytest.fixture
async def aidb(start: Start) -> AsyncIterator[Api]:
    """The service with its usual settings."""
    async with start() as client:
        yield client
