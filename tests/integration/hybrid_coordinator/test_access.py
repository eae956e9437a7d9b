"""What people asked is read by administrators, and by the key that stored it."""

import uuid
from typing import Any

import pytest

from ai_stack.local.valkey import CacheParameters
from support.http import Api, Keys
from support.stores import ValkeyFixture

from .conftest import Start

HISTORY = "interaction-history"
ASKED = "How do I hide my salary in the firewall?"


@pytest.fixture
def redis(valkey: ValkeyFixture) -> CacheParameters:
    return valkey.fresh()


async def track(hybrid: Api) -> str:
    answer = await hybrid("POST", "/interactions", json={"query": ASKED, "response": "In a drawer."})
    assert answer.status == 200, answer.body
    return str(answer.json["interaction_id"])


async def search(hybrid: Api, **body: Any) -> Any:
    answer = await hybrid("POST", "/search", json={"query": ASKED, "min_similarity": 0.1, **body})
    assert answer.status == 200, answer.body
    return answer.json


@pytest.mark.parametrize("scope", ["read", "write"])
async def test_history_is_not_searched_for_keys_that_may_not_read_it(hybrid: Api, keys: Keys, scope: str) -> None:
    await track(hybrid)
    other = hybrid.with_key(getattr(keys, scope))
    for collections in ([HISTORY], ["best-practices", HISTORY]):
        answer = await other("POST", "/search", json={"query": ASKED, "collections": collections})
        assert answer.status == 403
        assert "admin" in answer.json["error"]
    everything = await search(other)
    assert HISTORY not in everything["collections_searched"]
    assert everything["results"] == []


async def test_administrators_search_the_history(hybrid: Api, keys: Keys) -> None:
    id_ = await track(hybrid)
    admin = hybrid.with_key(keys.admin)
    assert [result["id"] for result in (await search(admin, collections=[HISTORY]))["results"]] == [id_]
    assert [result["id"] for result in (await search(admin))["results"]] == [id_]


async def test_an_interaction_is_shown_to_the_key_that_stored_it_and_to_administrators(hybrid: Api, keys: Keys) -> None:
    id_ = await track(hybrid)
    assert (await hybrid("GET", f"/interactions/{id_}")).json["query"] == ASKED
    assert (await hybrid.with_key(keys.admin)("GET", f"/interactions/{id_}")).status == 200
    refused = await hybrid.with_key(keys.read)("GET", f"/interactions/{id_}")
    missing = await hybrid.with_key(keys.read)("GET", f"/interactions/{uuid.uuid4()}")
    assert refused.status == missing.status == 404
    assert refused.json["error"] == missing.json["error"]


async def test_conversations_bring_no_history_to_others(start: Start, keys: Keys, redis: CacheParameters) -> None:
    async with start(redis_url=redis.url, redis_password=redis.password) as hybrid:
        await track(hybrid)
        body = {"query": ASKED, "context_level": "comprehensive"}
        answer = (await hybrid("POST", "/context/multi_turn", json=body)).json
        assert HISTORY not in answer["collections_searched"]
        assert "drawer" not in answer["context"]
        gaps = {"session_id": answer["session_id"], "response": "?", "confidence": 0.5, "gaps": [ASKED]}
        evaluation = (await hybrid("POST", "/feedback/evaluate", json=gaps)).json
        assert HISTORY not in evaluation["available_collections"]
        for_admin = (await hybrid.with_key(keys.admin)("POST", "/context/multi_turn", json=body)).json
        assert HISTORY in for_admin["collections_searched"]
        assert "drawer" in for_admin["context"]
