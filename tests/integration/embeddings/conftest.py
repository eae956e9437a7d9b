"""The embeddings service with the real model, on a real socket."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ai_stack.embeddings.app import create_app
from ai_stack.embeddings.settings import EmbeddingsSettings
from ai_stack.service.context import SERVICE
from support.http import Api, Keys, api, make_keys, running

from .reference import Reference, read_reference

LOAD_DEADLINE = 60.0

MakeSettings = Callable[..., EmbeddingsSettings]


@pytest.fixture(scope="session")
def reference() -> Reference:
    return read_reference()


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return make_keys(tmp_path)


@pytest.fixture
def make_settings(keys: Keys, model_dir: Path, model_cache_dir: Path) -> MakeSettings:
    """Settings for the real model, on a free port; keywords change them."""

    def make(**values: Any) -> EmbeddingsSettings:
        defaults: dict[str, Any] = {
            "port": 0,
            "api_keys_file": keys.path,
            "model_dir": model_dir,
            "cache_dir": model_cache_dir,
        }
        return EmbeddingsSettings(**{**defaults, **values})

    return make


@asynccontextmanager
async def serving(settings: EmbeddingsSettings, key: str, *, loaded: bool = True) -> AsyncIterator[Api]:
    """The service on its socket, by default after the model is loaded."""
    app = create_app(settings)
    async with running(app) as base, api(base, key) as client:
        if loaded:
            await asyncio.wait_for(app[SERVICE].health.wait_started(), LOAD_DEADLINE)
        yield client


@pytest.fixture
async def embeddings(make_settings: MakeSettings, keys: Keys) -> AsyncIterator[Api]:
    """The service, called with a key that may read."""
    settings = await asyncio.to_thread(make_settings)
    async with serving(settings, keys.read) as client:
        yield client
