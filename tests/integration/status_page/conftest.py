"""The status service, in front of real services on real sockets."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from ai_stack.service.app import Service
from ai_stack.service.endpoint import endpoint
from ai_stack.service.errors import Unavailable
from ai_stack.service.resilience import Policy
from ai_stack.service.settings import ServiceSettings
from support.http import Keys, make_keys, running


class ToySettings(ServiceSettings, env_prefix="AI_STACK_TOY_"):
    """Nothing of its own."""


@endpoint("GET", "/work", scope="read", summary="Work")
async def work(request: web.Request) -> dict[str, str]:
    """Does nothing."""
    return {}


@endpoint("GET", "/fail", scope="read", summary="Fail", errors=(503,))
async def fail(request: web.Request) -> dict[str, str]:
    """Fails."""
    raise Unavailable("the <b>store</b> is away")


def create_app(keys: Path, name: str = "toy") -> web.Application:
    """A service that has a guard and fails on demand."""
    service = Service(name=name, metrics_prefix=name, settings=ToySettings(port=0, api_keys_file=keys))
    service.add_routes((work, fail))
    service.guards.create("store", Policy())
    return service.build()


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return make_keys(tmp_path)


@pytest.fixture
async def toy(keys: Keys) -> AsyncIterator[str]:
    """Base URL of a service to watch."""
    async with running(create_app(keys.path)) as base:
        yield base
