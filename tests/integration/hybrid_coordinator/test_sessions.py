"""Conversations, with their sessions in a real Valkey."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ai_stack.local.valkey import CacheParameters
from support.http import Api, Keys
from support.stores import ValkeyFixture

from .conftest import Start
from .fakes import AIDB_TEXT, DOCS_TEXT, FakeService, Others

QUESTION = "How do I open a port in the firewall?"


@pytest.fixture
def redis(valkey: ValkeyFixture) -> CacheParameters:
    return valkey.fresh()


@pytest.fixture
async def talk(start: Start, redis: CacheParameters) -> AsyncIterator[Api]:
    async with start(redis_url=redis.url, redis_password=redis.password) as client:
        yield client


async def turn(talk: Api, query: str = QUESTION, **body: Any) -> Any:
    answer = await talk("POST", "/context/multi_turn", json={"query": query, **body})
    assert answer.status == 200, answer.body
    return answer.json


def two_answers(fake: FakeService) -> None:
    """Let aidb know two more passages about the same, one of which is in the way of the other."""
    original = fake.answers["/search"]

    def answers(body: Any) -> Any:
        answer = original(body)
        more = {
            **answer["results"][0],
            "id": "43",
            "content": "Firewall port rules: open UDP ports elsewhere.",
            "heading": "UDP",
        }
        return {**answer, "results": [*answer["results"], more]}

    fake.answers["/search"] = answers


async def test_a_turn_brings_context_and_begins_a_session(talk: Api) -> None:
    first = await turn(talk, metadata={"editor": "vim"})
    assert first["turn_number"] == 1
    assert AIDB_TEXT in first["context"]
    assert DOCS_TEXT in first["context"]
    assert QUESTION not in first["context"]
    assert first["context_ids"] == [source["id"] for source in first["sources"]]
    assert first["token_count"] == sum(source["tokens"] for source in first["sources"])
    session = (await talk("GET", f"/session/{first['session_id']}")).json
    assert session["turn_count"] == session["total_queries"] == 1
    assert session["total_context_items_sent"] == len(first["context_ids"])
    assert session["total_tokens_sent"] == first["token_count"]
    assert session["queries"] == [QUESTION]
    assert session["metadata"] == {"editor": "vim"}


async def test_what_was_sent_is_not_sent_again(talk: Api, fakes: Others) -> None:
    first = await turn(talk)
    two_answers(fakes.aidb)
    second = await turn(talk, session_id=first["session_id"])
    assert second["turn_number"] == 2
    assert second["context_ids"] == ["43"]
    third = await turn(talk, session_id=first["session_id"])
    assert third["context_ids"] == []
    assert third["context"].startswith("No relevant context")
    other = await turn(talk, previous_context_ids=["42"])
    assert "42" not in other["context_ids"]
    assert "43" in other["context_ids"]


async def test_a_passage_under_another_name_is_not_sent_again_either(talk: Api, fakes: Others) -> None:
    same = fakes.docs.answers["/search"](None)
    same["results"][0]["content"] = AIDB_TEXT
    fakes.docs.answers["/search"] = lambda _: same
    first = await turn(talk)
    assert len(first["context_ids"]) == 1
    await fakes.aidb.stop()
    assert (await turn(talk, session_id=first["session_id"]))["context_ids"] == []


async def test_passages_that_do_not_fit_are_suggested_by_name(talk: Api, fakes: Others) -> None:
    two_answers(fakes.aidb)
    small = await turn(talk, max_tokens=64)
    assert small["suggestions"]
    assert len(small["suggestions"]) <= 3


async def test_levels_search_more_collections(talk: Api) -> None:
    searched = {
        level: len((await turn(talk, context_level=level))["collections_searched"])
        for level in ("standard", "detailed", "comprehensive")
    }
    assert searched == {"standard": 2, "detailed": 3, "comprehensive": 4}


async def test_turns_at_the_same_time_are_all_counted(talk: Api) -> None:
    turns = await asyncio.gather(*(turn(talk, f"{QUESTION} {n}", session_id="shared") for n in range(20)))
    assert sorted(answer["turn_number"] for answer in turns) == list(range(1, 21))
    assert (await talk("GET", "/session/shared")).json["turn_count"] == 20


async def test_a_session_is_bounded_and_ends(start: Start, redis: CacheParameters) -> None:
    bounds = {"max_queries": 2, "max_context_ids": 1, "ttl": 600}
    async with start(redis_url=redis.url, redis_password=redis.password, sessions=bounds) as talk:
        for number in range(4):
            await turn(talk, f"{QUESTION} {number}", session_id="s", context_level="standard")
        session = (await talk("GET", "/session/s")).json
        assert session["queries"] == [f"{QUESTION} {number}" for number in (2, 3)]
    client = redis.client()
    keys: Any = client.keys("hybrid:session:*")
    assert len(keys) == 3
    assert all(0 < int(client.ttl(key)) <= 600 for key in keys)
    assert client.zcard(next(key for key in keys if key.endswith(b":sent"))) == 1
    client.close()


async def test_a_session_belongs_to_the_key_that_began_it(talk: Api, keys: Keys) -> None:
    await turn(talk, session_id="mine")
    other = talk.with_key(keys.read)
    assert (await other("GET", "/session/mine")).status == 404
    assert (await other("DELETE", "/session/mine")).status == 404
    assert (await turn(other, session_id="mine"))["turn_number"] == 1


async def test_a_deleted_session_is_gone(talk: Api) -> None:
    await turn(talk, session_id="s")
    assert (await talk("DELETE", "/session/s")).json == {"status": "cleared", "session_id": "s"}
    assert (await talk("GET", "/session/s")).status == 404
    assert (await talk("DELETE", "/session/s")).status == 404
    assert (await turn(talk, session_id="s"))["context_ids"]


async def test_an_evaluation_says_which_gaps_can_be_closed(talk: Api, fakes: Others) -> None:
    await turn(talk, session_id="s")
    body: dict[str, Any] = {"session_id": "s", "response": "Perhaps.", "confidence": 0.6}
    nothing = (await talk("POST", "/feedback/evaluate", json=body)).json
    assert nothing["should_refine"] is True
    assert nothing["estimated_confidence_increase"] == 0
    two_answers(fakes.aidb)
    gaps = ["open UDP ports in the firewall", "roast duck"]
    found = (await talk("POST", "/feedback/evaluate", json={**body, "gaps": gaps})).json
    assert found["answerable_gaps"][:1] == gaps[:1]
    assert found["suggested_queries"][0] == gaps[0]
    assert 0 < found["estimated_confidence_increase"] <= 0.3
    assert found["session_info"]["turn_count"] == 1
    sure = (await talk("POST", "/feedback/evaluate", json={**body, "confidence": 0.9, "gaps": gaps[:1]})).json
    assert sure["should_refine"] is False
    assert sure["estimated_confidence_increase"] == 0.1
    assert (await talk("POST", "/feedback/evaluate", json={**body, "session_id": "x"})).status == 404


async def test_without_its_store_a_turn_is_answered_but_not_remembered(
    start: Start, valkey: ValkeyFixture, redis: CacheParameters
) -> None:
    async with start(redis_url="redis://127.0.0.1:1") as talk:
        answer = await turn(talk)
        assert answer["degraded_services"] == ["redis"]
        assert answer["turn_number"] is None
        assert answer["context_ids"]
        assert (await talk("GET", f"/session/{answer['session_id']}")).status == 503
        ready = (await talk("GET", "/health/ready")).json
        assert ready["details"]["redis"]["status"] == "unhealthy"
        assert ready["status"] == "degraded"


async def test_without_an_address_of_a_store_there_are_no_sessions(hybrid: Api) -> None:
    for method, path, body in (
        ("POST", "/context/multi_turn", {"query": QUESTION}),
        ("POST", "/feedback/evaluate", {"session_id": "s", "response": "r"}),
        ("GET", "/session/s", None),
        ("DELETE", "/session/s", None),
    ):
        answer = await hybrid(method, path, json=body)
        assert answer.status == 501
        assert "redis_url" in answer.json["error"]
