"""Readiness: what this service needs, and what it can do without.

Each source alone is enough to answer, so each is optional; that at least one can be searched is critical. The checks
do not go through the guards: a probe every few seconds would open or close a circuit that questions should decide on.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import aiohttp
from yarl import URL

from ai_stack.hybrid_coordinator.learned import Collections
from ai_stack.hybrid_coordinator.vector_store import VectorStore
from ai_stack.service.errors import Unavailable
from ai_stack.service.health import Dependency, Health

Check = Callable[[], Awaitable[object]]

# Longer than the checks of the services' own dependencies take at most, so that a degraded one is not taken for dead.
TIMEOUT = 4.0


class NotReady(Unavailable):
    """Another service says that it cannot serve."""

    def __init__(self) -> None:
        super().__init__("not ready")


def http_check(session: aiohttp.ClientSession, base_url: str) -> Check:
    """Return a check of another service's readiness."""
    url = URL(base_url) / "health/ready"

    async def check() -> None:
        async with session.get(url, allow_redirects=False) as response:
            if response.status != 200:
                raise NotReady

    return check


def learned_context_check(embeddings: Check, store: VectorStore, collections: Collections) -> Check:
    """Return a check that the collections can be searched, which takes a store, a vector, and the right model."""

    async def check() -> None:
        if collections.prepared_for is None:
            raise NotReady
        await asyncio.gather(embeddings(), store.ping())

    return check


def any_of(checks: Sequence[Check]) -> Check:
    """Return a check that passes as soon as one of `checks` does."""

    async def check() -> None:
        running = [asyncio.ensure_future(one()) for one in checks]
        try:
            for next_done in asyncio.as_completed(running):
                try:
                    await next_done
                except Exception:  # noqa: S112 - the reason is reported under that dependency's own name
                    continue
                return
            raise NotReady
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    return check


def register(
    health: Health,
    *,
    embeddings: Check,
    services: dict[str, Check],
    store: VectorStore,
    collections: Collections,
) -> None:
    """Declare the dependencies. `services` are the other sources by name."""
    optional: dict[str, Check] = {"embeddings": embeddings, **services, "qdrant": store.ping}
    for name, check in optional.items():
        health.add_dependency(Dependency(name=name, check=check, critical=False, timeout=TIMEOUT))
    sources = [*services.values(), learned_context_check(embeddings, store, collections)]
    health.add_dependency(Dependency(name="any source", check=any_of(sources), critical=True, timeout=TIMEOUT))
