"""Sessions: what has been asked and sent in a conversation, in Redis, for as long as it lasts.

A session belongs to the API key that began it; to others it does not exist. Every write is one transaction of commands
that add, so turns that overlap lose nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from ai_stack.hybrid_coordinator.record import now
from ai_stack.hybrid_coordinator.settings import SessionSettings
from ai_stack.service.guard import Guard
from ai_stack.service.resilience import GuardRegistry, Policy

REDIS = "redis"
PREFIX = "hybrid:session:"


@dataclass(frozen=True, slots=True)
class Session:
    """A session. `queries` are the latest ones, `metadata` is the caller's."""

    id: str
    created_at: datetime
    last_accessed: datetime
    turn_count: int
    total_context_items_sent: int
    total_tokens_sent: int
    queries: list[str]
    metadata: Mapping[str, Any]


class Sessions:
    """All sessions.

    Args:
        redis: client; not closed here.
        guard: of Redis; must count RedisError as failure.
        settings: bounds.
        clock: the time of day.
    """

    def __init__(
        self, redis: Redis, guard: Guard, settings: SessionSettings, *, clock: Callable[[], datetime] = now
    ) -> None:
        self._redis = redis
        self._guard = guard
        self._settings = settings
        self._clock = clock

    async def sent(self, owner: str, id_: str) -> frozenset[str]:
        """Return the ids of the context that was sent in a session; none when there is no such session.

        Raises:
            DependencyError
        """
        key = _key(owner, id_)

        async def read() -> frozenset[str]:
            found: Any = await self._redis.zrange(f"{key}:sent", 0, -1)
            return frozenset(item.decode() for item in found)

        return await self._guard.call(read, idempotent=True)

    async def record(
        self,
        owner: str,
        id_: str,
        *,
        query: str,
        context_ids: Sequence[str],
        items: int,
        tokens: int,
        metadata: Mapping[str, Any] | None,
    ) -> int:
        """Add a turn, begin the session if this is its first, and return the turn's number, from 1.

        Args:
            owner, id_: of the session.
            query: that was asked.
            context_ids: every id under which the sent passages are known.
            items: number of passages sent.
            tokens: that they take.
            metadata: in place of the session's; None keeps it.

        Raises:
            DependencyError
        """
        key, at = _key(owner, id_), self._clock()

        async def write() -> int:
            pipe = self._redis.pipeline(transaction=True)
            pipe.hincrby(key, "turns", 1)
            pipe.hsetnx(key, "created_at", at.isoformat())
            pipe.hset(key, "last_accessed", at.isoformat())
            pipe.hincrby(key, "items", items)
            pipe.hincrby(key, "tokens", tokens)
            if metadata is not None:
                pipe.hset(key, "metadata", orjson.dumps(metadata))
            pipe.rpush(f"{key}:queries", query)
            pipe.ltrim(f"{key}:queries", -self._settings.max_queries, -1)
            if context_ids:
                pipe.zadd(f"{key}:sent", dict.fromkeys(context_ids, at.timestamp()))
                pipe.zremrangebyrank(f"{key}:sent", 0, -self._settings.max_context_ids - 1)
            for part in ("", ":queries", ":sent"):
                pipe.expire(key + part, self._settings.ttl)
            return int((await pipe.execute())[0])

        return await self._guard.call(write)

    async def get(self, owner: str, id_: str) -> Session | None:
        """Return a session, None when it does not exist (any more).

        Raises:
            DependencyError
        """
        key = _key(owner, id_)

        async def read() -> Session | None:
            pipe = self._redis.pipeline(transaction=True)
            pipe.hgetall(key)
            pipe.lrange(f"{key}:queries", 0, -1)
            fields, queries = await pipe.execute()
            if not fields:
                return None
            return Session(
                id=id_,
                created_at=datetime.fromisoformat(fields[b"created_at"].decode()),
                last_accessed=datetime.fromisoformat(fields[b"last_accessed"].decode()),
                turn_count=int(fields[b"turns"]),
                total_context_items_sent=int(fields[b"items"]),
                total_tokens_sent=int(fields[b"tokens"]),
                queries=[query.decode() for query in queries],
                metadata=orjson.loads(fields.get(b"metadata", b"{}")),
            )

        return await self._guard.call(read, idempotent=True)

    async def delete(self, owner: str, id_: str) -> bool:
        """Forget a session, and return whether there was one.

        Raises:
            DependencyError
        """
        key = _key(owner, id_)
        deleted = await self._guard.call(
            lambda: self._redis.delete(key, f"{key}:queries", f"{key}:sent"), idempotent=True
        )
        return bool(deleted)

    async def ping(self) -> None:
        """Raise `DependencyError` unless Redis answers."""
        await self._guard.call(self._redis.ping)


def create_guard(guards: GuardRegistry) -> Guard:
    """Return the guard of Redis. Short: an answer without the session's memory is better than a late one."""
    # What becomes of a reply that is not in Redis's protocol, or not the one to this command, is no RedisError.
    failures = (RedisError, ValueError, TypeError, LookupError, AttributeError)
    return guards.create(
        REDIS,
        Policy(timeout=0.5, attempts=2, backoff_initial=0.02, backoff_max=0.1, reset_timeout=3.0, failures=failures),
    )


def _key(owner: str, id_: str) -> str:
    # The owner's name may be anything; the braces keep a session's keys on one node of a Redis cluster.
    digest = sha256(f"{owner}\0{id_}".encode()).hexdigest()
    return f"{PREFIX}{{{digest}}}"
