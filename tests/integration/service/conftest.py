"""A toy service on a real socket."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.http import Api, Keys, api, make_keys, running

from .toy import create_app, toy_settings


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return make_keys(tmp_path)


@pytest.fixture
async def toy(keys: Keys) -> AsyncIterator[Api]:
    """The toy, called with a key that may read."""
    async with running(create_app(toy_settings(keys.path))) as base, api(base, keys.read) as client:
        yield client
