"""Another embedding model: every record gets a vector of it, and nothing that was learned is lost."""

import asyncio
import hashlib
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ai_stack.hybrid_coordinator.vector_store import VectorStore
from support.http import Answer, Api

from .conftest import Start
from .fakes import Others, vector_of
from .qdrant_stub import QdrantStub, qdrant_stub

NAME = "skills-patterns"
KEY = "a-key-of-qdrant"
MANY = 70
WAIT_SECONDS = 60.0


def other_vector_of(text: str) -> list[float]:
    """What the other model makes of a text: twice as long, and turned around."""
    vector = np.asarray(vector_of(text))
    doubled = np.concatenate([-vector, vector[::-1]]) / np.sqrt(2)
    return [float(x) for x in doubled]


def change_model(fakes: Others) -> None:
    fakes.embeddings.info |= {"model": "other-model", "revision": "0" * 64, "dimensions": 64}
    fakes.embeddings.vectors = other_vector_of


def skill(number: int) -> dict[str, str]:
    word = hashlib.sha256(str(number).encode()).hexdigest()
    return {"skill_name": f"skill {word}", "description": f"for {word}", "usage_pattern": "do it"}


async def store(hybrid: Api, numbers: range) -> list[str]:
    found = []
    for number in numbers:
        answer = await hybrid("POST", f"/collections/{NAME}/items", json=skill(number))
        assert answer.status == 200, answer.body
        found.append(str(answer.json["id"]))
    return found


async def until_searched(hybrid: Api, number: int) -> Any:
    """Search for a skill until the collections are open, and return the results."""
    body = {"query": skill(number)["skill_name"], "collections": [NAME], "limit": 1, "min_similarity": 0.5}
    limit = time.monotonic() + WAIT_SECONDS
    while True:
        answer: Answer = await hybrid("POST", "/search", json=body)
        if answer.status == 200 or time.monotonic() > limit:
            assert answer.status == 200, answer.body
            return answer.json["results"]
        assert answer.status in (409, 503), answer.body
        await asyncio.sleep(0.05)


async def test_records_keep_their_ids_and_votes_under_the_new_model(
    start: Start, fakes: Others, tmp_path: Path
) -> None:
    async with start() as hybrid:
        ids = await store(hybrid, range(MANY))
        interaction = {"query": "which skill", "response": "this one", "context_ids": [ids[3]]}
        id_ = (await hybrid("POST", "/interactions", json=interaction)).json["interaction_id"]
        await hybrid("POST", f"/interactions/{id_}/outcome", json={"outcome": "success"})
        limit = time.monotonic() + WAIT_SECONDS
        while (await hybrid("GET", f"/interactions/{id_}")).json["pending"] and time.monotonic() < limit:
            await asyncio.sleep(0.02)
        before = await until_searched(hybrid, 3)
    change_model(fakes)
    async with start(on_model_change="reembed") as hybrid:
        after = await until_searched(hybrid, 3)
        assert [result["id"] for result in after] == [ids[3]] == [result["id"] for result in before]
        assert after[0]["usefulness"] == before[0]["usefulness"] > 0.5
        assert (await hybrid("GET", f"/interactions/{id_}")).json["outcome"] == "success"
        counts = {c["name"]: c["items"] for c in (await hybrid("GET", "/collections")).json["collections"]}
        assert counts[NAME] >= MANY
        await store(hybrid, range(MANY, MANY + 1))
        assert (await until_searched(hybrid, MANY))[0]["title"] == skill(MANY)["skill_name"]
    directory = await VectorStore.directory(tmp_path / "qdrant")
    try:
        stored = await directory.describe(NAME)
        assert stored is not None
        assert (stored.dimension, stored.metadata["model"]) == (64, "other-model")
    finally:
        await directory.close()


async def test_a_run_that_breaks_off_is_continued_and_meanwhile_nothing_is_taken(start: Start, fakes: Others) -> None:
    async with start() as hybrid:
        ids = await store(hybrid, range(MANY))
    change_model(fakes)
    batches: list[list[str]] = []
    embed = fakes.embeddings.answers["/embed"]
    allowed = asyncio.Event()

    def limited(body: Any) -> Any:
        if len(body["inputs"]) > 1:
            if len(batches) == 2 and not allowed.is_set():
                return {"error": "enough"}
            batches.append(body["inputs"])
        return embed(body)

    fakes.embeddings.answers["/embed"] = limited
    async with start(on_model_change="reembed") as hybrid:
        limit = time.monotonic() + WAIT_SECONDS
        while len(batches) < 2 and time.monotonic() < limit:
            await asyncio.sleep(0.02)
        refused = await hybrid("POST", "/interactions", json={"query": "q", "response": "r"})
        assert refused.status in (409, 503), refused.body
        answer = (await hybrid("POST", "/augment_query", json={"query": "How do I open a port?"})).json
        assert "qdrant" in answer["degraded_services"]
        assert answer["context_count"] > 0
        allowed.set()
        (found,) = await until_searched(hybrid, MANY - 1)
        assert found["id"] == ids[MANY - 1]
    texts = [text for batch in batches for text in batch]
    assert len(texts) == len(set(texts)) == MANY


async def test_on_a_server_the_alias_is_moved_and_the_old_collection_deleted(start: Start, fakes: Others) -> None:
    async with qdrant_stub(KEY) as stub:
        server = {"qdrant_path": None, "qdrant_url": stub.url, "qdrant_api_key": KEY}
        async with start(**server) as hybrid:
            await store(hybrid, range(3))
            before = await names(stub)
        change_model(fakes)
        async with start(**server, on_model_change="reembed") as hybrid:
            assert await until_searched(hybrid, 2)
        after = await names(stub)
    assert before.keys() == after.keys()
    assert not set(before.values()) & set(after.values())


async def names(stub: QdrantStub) -> dict[str, str]:
    """Real names by alias; every collection must have one."""
    found = {alias.alias_name: alias.collection_name for alias in (await stub.memory.get_aliases()).aliases}
    assert {entry.name for entry in (await stub.memory.get_collections()).collections} == set(found.values())
    return found


@pytest.mark.parametrize("change", ["refuse", "reembed"])
async def test_without_another_model_nothing_is_moved(start: Start, fakes: Others, change: str) -> None:
    async with start() as hybrid:
        await store(hybrid, range(2))
    calls = len(fakes.embeddings.called("/embed"))
    async with start(on_model_change=change) as hybrid:
        assert await until_searched(hybrid, 1)
    assert len(fakes.embeddings.called("/embed")) == calls + 1
