"""Answers of searches in Redis, under the epoch of what is stored. Everything works without it, only slower."""

import hashlib
import time
from collections.abc import Awaitable, Callable

from pydantic import BaseModel, ValidationError
from redis.asyncio import Redis

from ai_stack.aidb.database import Database
from ai_stack.aidb.epoch import read_epoch
from ai_stack.aidb.sealing import seal, unseal
from ai_stack.aidb.search_schemas import SearchResult
from ai_stack.service.logs import get_logger
from ai_stack.service.metrics import ServiceMetrics
from ai_stack.service.resilience import DependencyError, Guard

PREFIX = "aidb:vector_search:"
#: Larger answers are not kept: a hundred of them would take the place of all others.
MAX_BYTES = 256 * 1024
_LABELS = {"cache": "vector_search"}

log = get_logger(__name__)


class SearchCache:
    """Answers by epoch and request. A change of what is stored makes all of them unreachable, in every process.

    Args:
        redis: client; not closed here.
        guard: that all calls go through.
        database: holds the epoch.
        metrics: gets hits and misses.
        ttl: seconds that an entry lives.
    """

    def __init__(self, redis: Redis, guard: Guard, database: Database, metrics: ServiceMetrics, *, ttl: int) -> None:
        self._redis = redis
        self._guard = guard
        self._database = database
        self._ttl = ttl
        self._hits = metrics.counter("aidb_cache_hits_total", "Lookups that the cache answered.")
        self._misses = metrics.counter("aidb_cache_misses_total", "Lookups that it did not.")
        self._hits.add(_LABELS, 0)
        self._misses.add(_LABELS, 0)

    async def answer(
        self, kind: str, request: BaseModel, search: Callable[[], Awaitable[SearchResult]]
    ) -> SearchResult:
        """Return the kept answer to a request, or that of `search`, which is then kept.

        Args:
            kind: tells two routes with equal requests apart.
            request: the whole of it is the key.
            search: finds the answer.

        Raises:
            DependencyError: PostgreSQL failed. Failures of Redis count as misses.
        """
        started = time.perf_counter()
        # Before the search: what it finds is of this epoch or newer.
        key = _key(await read_epoch(self._database), kind, request)
        if (kept := await self._get(key)) is not None:
            self._hits.inc(_LABELS)
            return kept.model_copy(update={"query_time_ms": round((time.perf_counter() - started) * 1000, 3)})
        self._misses.inc(_LABELS)
        result = await search()
        # With vectors the answer may be a better one in a moment.
        if not result.degraded:
            await self._put(key, result.model_dump_json().encode())
        return result

    async def _get(self, key: str) -> SearchResult | None:
        try:
            raw = unseal(key, await self._guard.call(lambda: self._redis.get(key)))
            return SearchResult.model_validate_json(raw) if raw else None
        except (DependencyError, ValidationError):
            return None

    async def _put(self, key: str, content: bytes) -> None:
        if len(content) > MAX_BYTES:
            return
        raw = seal(key, content)
        try:
            await self._guard.call(lambda: self._redis.set(key, raw, ex=self._ttl))
        except DependencyError as error:
            log.debug("cache.not_written", reason=str(error))


def _key(epoch: int, kind: str, request: BaseModel) -> str:
    digest = hashlib.sha256(f"{kind}\0{request.model_dump_json()}".encode()).hexdigest()
    return f"{PREFIX}{epoch}:{digest}"
