"""Asks the services, all at once."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson

from ai_stack.collector.breaker import DiskBreaker
from ai_stack.collector.exposition import Samples

FAST_SECONDS = 1.0
SLOW_SECONDS = 5.0
_LARGEST = 16 * 1024 * 1024


@dataclass(frozen=True)
class Stack:
    """What is asked.

    Attributes:
        services: base URL by service.
        key: API key for the exact counts; without one they are not asked for.
    """

    services: Mapping[str, str]
    key: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class State:
    """What one service says of itself.

    Attributes:
        status: its own word for it; `offline` when it does not answer, `skipped` when it was not asked.
        health: answer of `/health`; None without one.
        metrics: the samples of `/metrics`.
    """

    status: str
    health: dict[str, Any] | None = None
    metrics: Samples = field(default_factory=Samples)


async def states(stack: Stack, breaker: DiskBreaker) -> dict[str, State]:
    """Ask every service how it is.

    Raises:
        LocalError: the state of a circuit cannot be written down.
    """
    timeout = aiohttp.ClientTimeout(total=FAST_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        found = await asyncio.gather(*(_state(session, name, url, breaker) for name, url in stack.services.items()))
    return dict(zip(stack.services, found, strict=True))


async def counts(stack: Stack, online: set[str]) -> dict[str, Any]:
    """Ask for the exact counts of what is stored, which take the stores some work.

    Returns:
        `documents` (aidb) and `collections` (hybrid-coordinator), each None when it could not be had.
    """
    timeout = aiohttp.ClientTimeout(total=SLOW_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        documents, collections = await asyncio.gather(
            _counted(session, stack, online, "aidb", "/stats"),
            _counted(session, stack, online, "hybrid-coordinator", "/collections"),
        )
    return {"documents": documents, "collections": collections}


async def _state(session: aiohttp.ClientSession, name: str, url: str, breaker: DiskBreaker) -> State:
    if not breaker.admits(name):
        return State("skipped")
    try:
        # A service that cannot serve answers 503, and says why.
        health = orjson.loads(await _get(session, f"{url}/health", {200, 503}))
        metrics = Samples((await _get(session, f"{url}/metrics", {200})).decode(errors="replace"))
        state = State(str(health["status"]), health, metrics)
    except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError):
        breaker.failed(name)
        return State("offline")
    breaker.succeeded(name)
    return state


async def _counted(session: aiohttp.ClientSession, stack: Stack, online: set[str], name: str, path: str) -> Any:
    if stack.key is None or name not in online:
        return None
    try:
        answer = orjson.loads(await _get(session, stack.services[name] + path, {200}, {"X-API-Key": stack.key}))
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return None
    return answer if isinstance(answer, dict) else None


async def _get(
    session: aiohttp.ClientSession, url: str, accepted: set[int], headers: Mapping[str, str] | None = None
) -> bytes:
    # A redirect could carry the key to another host.
    async with session.get(url, headers=headers, allow_redirects=False) as answer:
        if answer.status not in accepted:
            raise ValueError(f"status {answer.status}")
        content = bytearray()
        async for block in answer.content.iter_chunked(65536):
            content += block
            if len(content) > _LARGEST:
                raise ValueError("the answer is too long")
        return bytes(content)
