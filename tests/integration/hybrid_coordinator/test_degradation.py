"""Dependencies that are down, late or out of their mind: the deadline holds and the answer says what is missing."""

import asyncio
import time
from typing import Any

import pytest

from ai_stack.hybrid_coordinator.records import COLLECTIONS
from support.http import Answer, Api

from .conftest import Start
from .fakes import AIDB_TEXT, DOCS_TEXT, FakeService, Mode, Others

QUESTION = "How do I open a port in the firewall?"
DEADLINE = 1.0
# How much later an answer may come is measured by `scripts/bench hybrid-coordinator`; here it has to come at all.
AT_ALL = 60.0

FAILURES: list[Mode] = ["hang", "error", "not_json", "wrong_shape", "empty", "cut_off", "refuses_key"]


async def ask(hybrid: Api, query: str = QUESTION) -> Answer:
    async with asyncio.timeout(AT_ALL):
        return await hybrid("POST", "/augment_query", json={"query": query})


async def answered(hybrid: Api, query: str = QUESTION) -> Any:
    answer = await ask(hybrid, query)
    assert answer.status == 200, answer.body
    return answer.json


def services(answer: Any) -> set[str]:
    return {source["service"] for source in answer["sources"]}


@pytest.mark.parametrize("mode", FAILURES)
async def test_without_aidb_the_documentation_answers(start: Start, fakes: Others, mode: Mode) -> None:
    async with start(answer_deadline=DEADLINE) as hybrid:
        fakes.aidb.mode = mode
        answer = await answered(hybrid)
    assert answer["degraded"] is True
    assert answer["degraded_services"] == ["aidb"]
    assert DOCS_TEXT in answer["augmented_prompt"]
    assert services(answer) == {"nixos-docs"}


@pytest.mark.parametrize("mode", FAILURES)
async def test_without_nixos_docs_aidb_answers(start: Start, fakes: Others, mode: Mode) -> None:
    async with start(answer_deadline=DEADLINE) as hybrid:
        fakes.docs.mode = mode
        answer = await answered(hybrid)
    assert answer["degraded_services"] == ["nixos-docs"]
    assert services(answer) == {"aidb"}


@pytest.mark.parametrize("mode", FAILURES)
async def test_without_a_vector_aidb_is_asked_for_keywords(start: Start, fakes: Others, mode: Mode) -> None:
    async with start(answer_deadline=DEADLINE) as hybrid:
        fakes.embeddings.mode = mode
        answer = await answered(hybrid)
    assert answer["degraded_services"] == ["embeddings"]
    assert services(answer) == {"aidb", "nixos-docs"}
    assert [call.json["mode"] for call in fakes.aidb.called("/search")] == ["keyword"]
    assert "embedding" not in fakes.aidb.called("/search")[0].json


@pytest.mark.parametrize("name", ["embeddings", "aidb", "docs"])
async def test_a_service_that_refuses_connections_is_named(start: Start, fakes: Others, name: str) -> None:
    async with start(answer_deadline=DEADLINE) as hybrid:
        await getattr(fakes, name).stop()
        answer = await answered(hybrid)
    assert answer["degraded_services"] == [{"docs": "nixos-docs"}.get(name, name)]
    assert answer["context_count"] > 0


@pytest.mark.parametrize("name", ["embeddings", "aidb", "docs"])
async def test_a_service_slower_than_the_deadline_is_not_waited_for(start: Start, fakes: Others, name: str) -> None:
    async with start(answer_deadline=DEADLINE) as hybrid:
        slow: FakeService = getattr(fakes, name)
        slow.mode, slow.delay = "slow", 10 * AT_ALL
        answer = await answered(hybrid)
    assert answer["degraded_services"] == [{"docs": "nixos-docs"}.get(name, name)]
    assert answer["context_count"] > 0


@pytest.mark.parametrize("vector", [[0.0] * 32, [1.0] * 31, [float("nan")] * 32, []])
async def test_a_vector_that_cannot_be_compared_is_never_searched_with(
    start: Start, fakes: Others, vector: list[float]
) -> None:
    fakes.embeddings.vectors = lambda _text: vector
    async with start() as hybrid:
        answer = await answered(hybrid)
        stored = await hybrid(
            "POST",
            "/collections/best-practices/items",
            json={"category": "c", "title": "t", "description": "d"},
        )
        assert stored.status == 503
        assert (await hybrid("GET", "/stats")).json["collections"] == dict.fromkeys(COLLECTIONS, 0)
    assert answer["degraded_services"] == ["embeddings"]
    assert [call.json["mode"] for call in fakes.aidb.called("/search")] == ["keyword"]


async def test_a_degraded_answer_of_aidb_is_passed_on(start: Start, fakes: Others) -> None:
    half = fakes.aidb.answers["/search"](None) | {"degraded": True}
    fakes.aidb.answers["/search"] = lambda _: half
    async with start() as hybrid:
        answer = await answered(hybrid)
        assert answer["degraded_services"] == ["aidb"]
        assert AIDB_TEXT in answer["augmented_prompt"]


async def test_with_every_source_down_it_says_unavailable(start: Start, fakes: Others) -> None:
    async with start(answer_deadline=DEADLINE) as hybrid:
        for fake in (fakes.embeddings, fakes.aidb, fakes.docs):
            await fake.stop()
        answer = await ask(hybrid)
        assert answer.status == 503
        assert answer.headers["Retry-After"] == "1"
        ready = await hybrid("GET", "/health/ready")
        assert ready.status == 503
        assert "any source" in ready.json["message"]
        assert (await hybrid("GET", "/health")).status == 200
        assert (await hybrid("GET", "/stats")).json["stats"]["total_queries"] == 0


async def test_one_source_is_enough_to_be_ready(start: Start, fakes: Others) -> None:
    async with start() as hybrid:
        await fakes.embeddings.stop()
        await fakes.aidb.stop()
        ready = await hybrid("GET", "/health/ready")
        assert ready.status == 200
        assert ready.json["status"] == "degraded"
        assert ready.json["details"]["aidb"]["status"] == "unhealthy"
        assert ready.json["details"]["any source"]["status"] == "healthy"


async def test_the_circuit_opens_and_closes_again_after_the_restart_of_embeddings(start: Start, fakes: Others) -> None:
    async with start(answer_deadline=DEADLINE) as hybrid:
        await fakes.embeddings.stop()
        for number in range(6):
            assert (await answered(hybrid, f"{QUESTION} {number}"))["degraded"] is True
        assert (await hybrid("GET", "/health")).json["circuit_breakers"]["embeddings"] == "open"
        await fakes.embeddings.start()
        recovered = await until_whole(hybrid, seconds=AT_ALL)
        assert recovered["degraded_services"] == []
        assert (await hybrid("GET", "/health")).json["circuit_breakers"]["embeddings"] == "closed"


async def test_it_starts_before_embeddings_and_uses_them_when_they_come(start: Start, fakes: Others) -> None:
    await fakes.embeddings.stop()
    async with start(answer_deadline=DEADLINE) as hybrid:
        assert (await hybrid("GET", "/health/ready")).json["status"] == "degraded"
        assert (await answered(hybrid))["degraded_services"] == ["embeddings"]
        await fakes.embeddings.start()
        recovered = await until_whole(hybrid, seconds=AT_ALL)
        assert recovered["degraded_services"] == []
        assert (await hybrid("GET", "/collections")).json["total"] == len(COLLECTIONS)


async def until_whole(hybrid: Api, *, seconds: float) -> Any:
    """Ask new questions until an answer is not degraded."""
    limit = time.monotonic() + seconds
    number = 0
    while True:
        number += 1
        answer = await answered(hybrid, f"{QUESTION} again {number}")
        if not answer["degraded"] or time.monotonic() > limit:
            return answer
        await asyncio.sleep(0.1)


async def test_a_client_that_leaves_stops_the_searches(start: Start, fakes: Others) -> None:
    fakes.aidb.mode = "hang"
    async with start(answer_deadline=30.0) as hybrid:
        asking = asyncio.create_task(hybrid("POST", "/augment_query", json={"query": QUESTION}))
        while not fakes.aidb.called("/search"):
            await asyncio.sleep(0.01)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        fakes.aidb.mode = "ok"
        assert (await answered(hybrid))["degraded"] is False
