"""Vectors of queries in Redis. Everything works without it, only slower."""

import hashlib

import numpy as np
from redis.asyncio import Redis
from redis.exceptions import RedisError

from ai_stack.aidb.identity import ModelIdentity
from ai_stack.aidb.sealing import seal, unseal
from ai_stack.aidb.vectors import Vectors, to_vectors
from ai_stack.service.logs import get_logger
from ai_stack.service.metrics import ServiceMetrics
from ai_stack.service.resilience import DependencyError, Guard, GuardRegistry, Policy

PREFIX = "aidb:embeddings:"
#: To Redis, and calls at once: nobody ever waits within the pool.
MAX_CONNECTIONS = 50
_LABELS = {"cache": "embeddings"}

log = get_logger(__name__)


class VectorCache:
    """Vectors by model and text, each kept for a fixed time. Failures of Redis count as misses.

    Args:
        redis: client; not closed here.
        guard: that all calls go through.
        metrics: gets hits and misses.
        ttl: seconds that an entry lives.
    """

    def __init__(self, redis: Redis, guard: Guard, metrics: ServiceMetrics, *, ttl: int) -> None:
        self._redis = redis
        self._guard = guard
        self._ttl = ttl
        self._hits = metrics.counter("aidb_cache_hits_total", "Lookups that the cache answered.")
        self._misses = metrics.counter("aidb_cache_misses_total", "Lookups that it did not.")
        self._hits.add(_LABELS, 0)
        self._misses.add(_LABELS, 0)

    async def get(self, model: ModelIdentity, text: str) -> Vectors | None:
        """Return the vector of `text` by `model`, of shape (DIMENSION,), None when it is not there."""
        key = _key(model, text)
        try:
            raw = unseal(key, await self._guard.call(lambda: self._redis.get(key)))
            vector = to_vectors([np.frombuffer(raw, dtype="<f4")], count=1)[0] if raw else None
        except (DependencyError, ValueError):
            vector = None
        (self._misses if vector is None else self._hits).inc(_LABELS)
        return vector

    async def put(self, model: ModelIdentity, text: str, vector: Vectors) -> None:
        """Keep a vector of shape (DIMENSION,)."""
        key = _key(model, text)
        raw = seal(key, vector.astype("<f4").tobytes())
        try:
            await self._guard.call(lambda: self._redis.set(key, raw, ex=self._ttl))
        except DependencyError as error:
            log.debug("cache.not_written", reason=str(error))

    async def ping(self) -> None:
        """Raise `DependencyError` unless Redis answers."""
        await self._guard.call(self._redis.ping)


def create_guard(guards: GuardRegistry) -> Guard:
    """Return the guard for `VectorCache`: a cache that is slow is no cache."""
    # What the client makes of a reply that is not in Redis's protocol is no RedisError.
    failures = (RedisError, ValueError, TypeError, LookupError)
    return guards.create(
        "redis",
        Policy(timeout=0.25, attempts=1, reset_timeout=5.0, max_concurrency=MAX_CONNECTIONS, failures=failures),
    )


def _key(model: ModelIdentity, text: str) -> str:
    digest = hashlib.sha256(f"{model.name}\0{model.revision}\0{text}".encode()).hexdigest()
    return f"{PREFIX}{digest}"
