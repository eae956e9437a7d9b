"""Interactions: stored when acknowledged, counted once, learned from when they were good."""

import asyncio
import json
import time
import uuid
from typing import Any

from support.http import Api, Keys
from support.waiting import PATIENCE

from .conftest import Start
from .fakes import Others

GOOD = {
    "query": "How do I configure the firewall to open a port?",
    "response": "List the port in networking.firewall.allowedTCPPorts and rebuild. " * 20,
}
OTHER = {"query": "How to install a font on the desktop?", "response": "Add it to fonts.packages. " * 30}
SUCCESS = {"outcome": "success", "user_feedback": 1.0}
SKILL = {"skill_name": "Open a port", "description": "in the firewall", "usage_pattern": "List it and rebuild"}


async def track(hybrid: Api, **body: Any) -> str:
    answer = await hybrid("POST", "/interactions", json={**GOOD, **body})
    assert answer.status == 200, answer.body
    return str(answer.json["interaction_id"])


async def report(hybrid: Api, id_: str, **body: Any) -> Any:
    answer = await hybrid("POST", f"/interactions/{id_}/outcome", json=body or SUCCESS)
    assert answer.status == 200, answer.body
    return answer.json


async def settled(hybrid: Api, id_: str) -> Any:
    """The interaction, once it has been learned from."""
    limit = time.monotonic() + PATIENCE
    while (answer := await hybrid("GET", f"/interactions/{id_}")).json["pending"] and time.monotonic() < limit:
        await asyncio.sleep(0.02)
    assert answer.json["pending"] is False
    return answer.json


async def found(hybrid: Api, collection: str, query: str = GOOD["query"], similarity: float = 0.1) -> list[Any]:
    body = {"query": query, "collections": [collection], "min_similarity": similarity, "limit": 50}
    answer = await hybrid("POST", "/search", json=body)
    assert answer.status == 200, answer.body
    results: list[Any] = answer.json["results"]
    return results


async def put_skill(hybrid: Api, **changes: Any) -> str:
    answer = await hybrid("POST", "/collections/skills-patterns/items", json={**SKILL, **changes})
    assert answer.status == 200, answer.body
    return str(answer.json["id"])


async def test_a_good_interaction_becomes_a_pattern(hybrid: Api) -> None:
    id_ = await track(hybrid)
    assert (await settled(hybrid, id_))["learned"] is False
    assert await found(hybrid, "skills-patterns") == []
    outcome = await report(hybrid, id_)
    assert outcome["status"] == "stored"
    assert outcome["value_score"] == 1.0
    assert (await settled(hybrid, id_))["learned"] is True
    (skill,) = await found(hybrid, "skills-patterns")
    assert skill["title"] == GOOD["query"]
    assert "allowedTCPPorts" in skill["text"]


async def test_an_error_that_was_solved_becomes_a_solution(hybrid: Api) -> None:
    id_ = await track(hybrid, query="How to fix this?\nerror: the port in the firewall is closed")
    await report(hybrid, id_)
    await settled(hybrid, id_)
    (solution,) = await found(hybrid, "error-solutions", "the port in the firewall is closed")
    assert solution["title"] == "error: the port in the firewall is closed"


async def test_what_is_known_is_extended_and_not_stored_twice(hybrid: Api) -> None:
    first, second = await track(hybrid), await track(hybrid, query=GOOD["query"] + " How?")
    for id_ in (first, second):
        await report(hybrid, id_)
        await settled(hybrid, id_)
    (skill,) = await found(hybrid, "skills-patterns")
    assert "Worked for" in skill["text"]


async def test_only_the_first_of_its_kind_is_novel(hybrid: Api) -> None:
    ids = [await track(hybrid) for _ in range(2)]
    values = [(await report(hybrid, id_))["value_score"] for id_ in ids]
    assert values[0] - values[1] > 0.099
    other = await track(hybrid, **OTHER)
    assert (await report(hybrid, other))["value_score"] > values[1]


async def test_what_went_badly_is_not_learned(hybrid: Api) -> None:
    for body in ({"outcome": "failure"}, {"outcome": "partial"}, {"outcome": "success", "user_feedback": -1.0}):
        id_ = await track(hybrid, query="a port", response="no")
        await report(hybrid, id_, **body)
        assert (await settled(hybrid, id_))["learned"] is False
    assert await found(hybrid, "skills-patterns") == []


async def test_a_changed_outcome_takes_back_what_was_learned(hybrid: Api) -> None:
    id_ = await track(hybrid)
    await report(hybrid, id_)
    assert (await settled(hybrid, id_))["learned"] is True
    assert (await report(hybrid, id_, outcome="failure"))["status"] == "stored"
    assert (await settled(hybrid, id_))["learned"] is False
    assert await found(hybrid, "skills-patterns") == []


async def test_what_was_given_stays_when_an_interaction_is_taken_back(hybrid: Api) -> None:
    await put_skill(hybrid, skill_name=GOOD["query"], description=GOOD["query"])
    id_ = await track(hybrid)
    await report(hybrid, id_)
    await settled(hybrid, id_)
    await report(hybrid, id_, outcome="failure")
    await settled(hybrid, id_)
    assert len(await found(hybrid, "skills-patterns")) == 1


async def test_outcomes_move_the_records_that_were_used(start: Start) -> None:
    async with start(usage={"weight": 0.3}) as hybrid:
        helpful = await put_skill(hybrid)
        other = await put_skill(
            hybrid, skill_name="Open a port!", usage_pattern="Pray", description="in the firewall now"
        )
        before = await found(hybrid, "skills-patterns", "Open a port in the firewall now")
        assert [record["id"] for record in before] == [other, helpful]
        for _ in range(4):
            id_ = await track(hybrid, context_ids=[helpful, "docs/page.md#Heading"], response="ok", query="a b")
            await report(hybrid, id_)
            await report(hybrid, id_)
            await settled(hybrid, id_)
        failed = await track(hybrid, context_ids=[other], response="ok", query="a c")
        await report(hybrid, failed, outcome="failure")
        await settled(hybrid, failed)
        after = {r["id"]: r for r in await found(hybrid, "skills-patterns", "Open a port in the firewall now")}
        assert after[helpful]["usefulness"] > 0.8
        assert 3.9 < after[helpful]["uses"] <= 4
        assert after[other]["usefulness"] < 0.4
        assert next(iter(after)) == helpful


async def test_a_repeated_request_changes_nothing(hybrid: Api) -> None:
    id_ = str(uuid.uuid4())
    for status in ("created", "unchanged"):
        answer = await hybrid("POST", "/interactions", json={**GOOD, "interaction_id": id_})
        assert answer.json == {"interaction_id": id_, "status": status}
    assert (await hybrid("POST", "/interactions", json={**OTHER, "interaction_id": id_})).status == 409
    first = await report(hybrid, id_)
    again = await report(hybrid, id_)
    assert again == {**first, "status": "unchanged"}
    metrics = (await hybrid("GET", "/metrics")).body.decode()
    assert 'hybrid_interactions_total{agent_type="remote"} 1\n' in metrics
    assert 'hybrid_interaction_outcomes_total{outcome="success"} 1\n' in metrics


async def test_fifty_clients_lose_nothing_and_count_nothing_twice(hybrid: Api) -> None:
    skill = await put_skill(hybrid)

    async def client(number: int) -> str:
        id_ = await track(hybrid, query=f"question {number}", response="short", context_ids=[skill])
        await asyncio.gather(*(report(hybrid, id_, outcome="success") for _ in range(2)))
        return id_

    ids = await asyncio.gather(*(client(number) for number in range(50)))
    for id_ in ids:
        await settled(hybrid, id_)
    assert len(set(ids)) == 50
    (record,) = await found(hybrid, "skills-patterns", "Open a port in the firewall")
    assert 49.5 < record["uses"] <= 50
    assert record["usefulness"] > 0.97


async def test_what_was_pending_at_a_crash_is_learned_after_the_next_start(start: Start, fakes: Others) -> None:
    async with start() as hybrid:
        # As a process does that dies between its answer and the learning: the answer is all that was awaited.
        id_ = await track(hybrid)
        await report(hybrid, id_)
    async with start() as hybrid:
        assert (await settled(hybrid, id_))["learned"] is True
        assert len(await found(hybrid, "skills-patterns")) == 1


async def test_good_interactions_are_exported_as_chats(hybrid: Api, keys: Keys) -> None:
    for body in (GOOD, OTHER, {"query": "a", "response": "b"}):
        await report(hybrid, await track(hybrid, **body))
    admin = hybrid.with_key(keys.admin)
    answer = await admin("GET", "/interactions/export")
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    chats = [json.loads(line) for line in answer.body.splitlines()]
    assert sorted(chat["messages"][0]["content"] for chat in chats) == sorted([GOOD["query"], OTHER["query"]])
    assert {chat["messages"][1]["role"] for chat in chats} == {"assistant"}
    assert len((await admin("GET", "/interactions/export?limit=1")).body.splitlines()) == 1
    assert (await admin("GET", "/interactions/export?min_value=0")).body.count(b"\n") == 3
    assert (await hybrid("GET", "/interactions/export")).status == 403


async def test_without_an_embedding_nothing_is_acknowledged(hybrid: Api, fakes: Others) -> None:
    fakes.embeddings.mode = "error"
    assert (await hybrid("POST", "/interactions", json=GOOD)).status == 503


async def test_an_unknown_interaction_is_not_found(hybrid: Api) -> None:
    for path in (str(uuid.uuid4()), "abc"):
        assert (await hybrid("GET", f"/interactions/{path}")).status == 404
        assert (await hybrid("POST", f"/interactions/{path}/outcome", json=SUCCESS)).status == 404


async def test_a_key_that_may_only_read_cannot_report(hybrid: Api, keys: Keys) -> None:
    reader = hybrid.with_key(keys.read)
    assert (await reader("POST", "/interactions", json=GOOD)).status == 403
    assert (await reader("POST", f"/interactions/{uuid.uuid4()}/outcome", json=SUCCESS)).status == 403
