"""Garbage collection, in Qdrant's local mode."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from ai_stack.hybrid_coordinator.embedder import Embedding, ModelIdentity
from ai_stack.hybrid_coordinator.garbage import GarbageCollector
from ai_stack.hybrid_coordinator.learned import Collections
from ai_stack.hybrid_coordinator.record import Record
from ai_stack.hybrid_coordinator.records import COLLECTIONS, BestPractice, Interaction, SkillPattern
from ai_stack.hybrid_coordinator.settings import ClusterSettings, GarbageSettings, HnswSettings, UsageSettings
from ai_stack.hybrid_coordinator.usage import Vote
from ai_stack.hybrid_coordinator.vector_store import VectorStore, VectorStoreError
from ai_stack.service.guard import Guard
from ai_stack.service.metrics import ServiceMetrics
from ai_stack.service.resilience import Policy
from support.http import Api, Keys
from support.waiting import PATIENCE

from .conftest import Start
from .fakes import DIMENSIONS, vector_of
from .test_interactions import report, settled, track

NOW = datetime(2026, 6, 1, tzinfo=UTC)
IDENTITY = ModelIdentity(model="bag-of-words", revision="f" * 64, dimensions=DIMENSIONS)


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Collections]:
    store = await VectorStore.directory(path)
    collections = Collections(
        store,
        Guard("qdrant", Policy(failures=(VectorStoreError,))),
        specs=COLLECTIONS,
        hnsw=HnswSettings(),
        cluster=ClusterSettings(),
        usage=UsageSettings(),
        clock=lambda: NOW,
    )
    await collections.prepare(IDENTITY)
    yield collections
    await store.close()


def metrics() -> ServiceMetrics:
    return ServiceMetrics(prefix="hybrid", http_prefix="hybrid", service="hybrid-coordinator", version="0")


async def put(collections: Collections, record: Record) -> None:
    vector = np.asarray(vector_of(record.embedded_text()), dtype=np.float32)
    await collections.add(record.collection, record, Embedding(vector, IDENTITY))


def skill(name: str, *, age_days: float = 0.0, votes: tuple[float, ...] = (), given: bool = False) -> SkillPattern:
    return SkillPattern(
        skill_name=name,
        description=name,
        usage_pattern=name,
        updated_at=NOW - timedelta(days=age_days),
        votes={str(n): Vote(value=value, at=NOW) for n, value in enumerate(votes)},
        given=given,
    )


def interaction(number: int, *, age_days: float, pending: bool = False) -> Interaction:
    return Interaction(
        id=uuid.UUID(int=number),
        query=f"question {number}",
        response="answer",
        agent_type="local",
        revision="1",
        timestamp=NOW - timedelta(days=age_days),
        pending=pending,
    )


async def names(collections: Collections, name: str) -> set[str]:
    points, _ = await collections.store.page(name, where=None, limit=100)
    return {str(point.payload.get("skill_name") or point.payload.get("query")) for point in points}


async def test_what_is_old_useless_or_too_much_goes_and_the_rest_stays(tmp_path: Path) -> None:
    async with opened(tmp_path) as collections:
        await put(collections, skill("fresh"))
        await put(collections, skill("forgotten", age_days=400))
        await put(collections, skill("bad", votes=(0.0,) * 6))
        await put(collections, skill("good", votes=(1.0,) * 6))
        await put(collections, skill("given, bad and old", age_days=400, votes=(0.0,) * 6, given=True))
        await put(collections, interaction(1, age_days=100))
        await put(collections, interaction(2, age_days=100, pending=True))
        await put(collections, interaction(3, age_days=1))
        counted = metrics()
        collector = GarbageCollector(collections, GarbageSettings(), counted, clock=lambda: NOW)
        dry = await collector.run(dry_run=True)
        assert dry.deleted["skills-patterns"] == {"unused": 1, "useless": 1}
        assert dry.deleted["interaction-history"] == {"expired": 1}
        assert dry.total == 3
        assert len(await names(collections, "skills-patterns")) == 5
        assert b"hybrid_gc_deleted_total{" not in counted.render()[0]
        done = await collector.run(dry_run=False)
        assert done.deleted == dry.deleted
        assert await names(collections, "skills-patterns") == {"fresh", "good", "given, bad and old"}
        assert await names(collections, "interaction-history") == {"question 2", "question 3"}
        shown = counted.render()[0].decode()
        assert 'hybrid_gc_deleted_total{collection="skills-patterns",reason="useless"} 1\n' in shown
        assert 'hybrid_gc_runs_total{result="success"} 1\n' in shown
        assert 'hybrid_gc_items{collection="skills-patterns"} 3\n' in shown
        assert f"hybrid_gc_last_success_timestamp_seconds {NOW.timestamp():.0f}" in shown
        assert (await collector.run(dry_run=False)).total == 0


async def test_over_the_limit_the_least_useful_and_the_oldest_go_first(tmp_path: Path) -> None:
    async with opened(tmp_path) as collections:
        for record in (skill("good", votes=(1.0,)), skill("doubtful", votes=(0.0,)), skill("given", given=True)):
            await put(collections, record)
        for number in range(5):
            await put(collections, interaction(number, age_days=number))
        settings = GarbageSettings(max_items=2, max_interactions=2)
        report_ = await GarbageCollector(collections, settings, metrics(), clock=lambda: NOW).run(dry_run=False)
        assert report_.deleted["skills-patterns"] == {"over_limit": 1}
        assert report_.kept["interaction-history"] == 2
        assert await names(collections, "skills-patterns") == {"good", "given"}
        assert await names(collections, "interaction-history") == {"question 0", "question 1"}


async def test_an_unreadable_payload_is_deleted(tmp_path: Path) -> None:
    async with opened(tmp_path) as collections:
        await collections.store.upsert("best-practices", uuid.uuid4(), vector_of("x"), {"title": 1})
        await put(collections, BestPractice(category="c", title="t", description="d", given=True))
        done = await GarbageCollector(collections, GarbageSettings(), metrics(), clock=lambda: NOW).run(dry_run=False)
        assert done.deleted["best-practices"] == {"unreadable": 1}
        assert await collections.store.count("best-practices") == 1


async def test_the_route_needs_an_administrator_and_deletes_only_when_told_to(hybrid: Api, keys: Keys) -> None:
    assert (await hybrid("POST", "/gc", json={})).status == 403
    answer = await hybrid.with_key(keys.admin)("POST", "/gc", json={})
    assert answer.status == 200
    assert answer.json["dry_run"] is True
    assert answer.json["total"] == 0


async def test_it_runs_on_schedule_while_clients_write_and_loses_nothing(start: Start) -> None:
    async with start(garbage={"interval": 0.02, "max_interactions": 1000}) as hybrid:

        async def client(number: int) -> str:
            id_ = await track(hybrid, query=f"question {number}", response="short")
            await report(hybrid, id_)
            return id_

        ids = await asyncio.gather(*(client(number) for number in range(50)))
        for id_ in ids:
            assert (await settled(hybrid, id_))["outcome"] == "success"
        assert await runs(hybrid) > 1


async def runs(hybrid: Api) -> float:
    limit = time.monotonic() + PATIENCE
    found: Any = 0.0
    while found <= 1 and time.monotonic() < limit:
        text = (await hybrid("GET", "/metrics")).body.decode()
        lines = [line for line in text.splitlines() if line.startswith('hybrid_gc_runs_total{result="success"}')]
        found = float(lines[0].split()[-1]) if lines else 0.0
        await asyncio.sleep(0.05)
    return float(found)
