"""hybrid-coordinator on a real socket, with Qdrant's local mode and stand-ins for the other services."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest

from ai_stack.hybrid_coordinator.app import create_app
from ai_stack.hybrid_coordinator.settings import HybridSettings
from support.http import Api, Keys, api, make_keys, running

from .fakes import Others, others

UPSTREAM_KEY = "ais_upstream-key-of-the-coordinator"


class Start(Protocol):
    """Starts the service with settings of one's own."""

    def __call__(self, **changes: Any) -> AbstractAsyncContextManager[Api]: ...


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return make_keys(tmp_path)


@pytest.fixture
async def fakes() -> AsyncIterator[Others]:
    async with others() as started:
        yield started


@pytest.fixture
def start(keys: Keys, fakes: Others, tmp_path: Path) -> Start:
    """Starts the service; the client may write."""

    @asynccontextmanager
    async def start_(**changes: Any) -> AsyncIterator[Api]:
        settings = {
            "port": 0,
            "api_keys_file": keys.path,
            "upstream_api_key": UPSTREAM_KEY,
            "embeddings_url": fakes.embeddings.url,
            "aidb_url": fakes.aidb.url,
            "nixos_docs_url": fakes.docs.url,
            "qdrant_path": tmp_path / "qdrant",
            "collections": {"best_practices": {"limit": 2, "threshold": 0.5}},
            "shutdown_timeout": 1.0,
            **changes,
        }
        # On a thread, since the process builds it before its event loop runs.
        app = await asyncio.to_thread(lambda: create_app(HybridSettings(**settings)))
        async with running(app) as base, api(base, keys.write) as client:
            yield client

    return start_


@pytest.fixture
async def hybrid(start: Start) -> AsyncIterator[Api]:
    async with start() as client:
        yield client
