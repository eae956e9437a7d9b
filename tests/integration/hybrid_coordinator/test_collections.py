"""Collections of learned context, in Qdrant's local mode."""

import asyncio
import contextlib
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from ai_stack.hybrid_coordinator.learned import StoredVectorsOfAnotherModel
from ai_stack.hybrid_coordinator.records import COLLECTIONS
from ai_stack.hybrid_coordinator.vector_store import VectorStoreInUse
from support.http import Answer, Api
from support.waiting import PATIENCE

from .conftest import Start
from .fakes import Others

ITEM = {
    "category": "security",
    "title": "Rotate every key",
    "description": "Keys that never change are found some day.",
    "examples": ["once a year"],
}
ITEMS = "/collections/best-practices/items"


async def put(hybrid: Api, **changes: Any) -> Any:
    answer = await hybrid("POST", ITEMS, json={**ITEM, **changes})
    assert answer.status == 200, answer.body
    return answer.json


async def count(hybrid: Api) -> int:
    answer = await hybrid("GET", "/collections")
    assert answer.status == 200, answer.body
    items = {collection["name"]: int(collection["items"]) for collection in answer.json["collections"]}
    assert list(items) == list(COLLECTIONS)
    return items["best-practices"]


async def test_storing_equal_content_again_updates_the_item(hybrid: Api) -> None:
    first = await put(hybrid)
    assert first["status"] == "created"
    assert first["collection"] == "best-practices"
    again = await put(hybrid, examples=["twice a year"])
    assert again == {**first, "status": "updated"}
    assert (await put(hybrid, title="Rotate some keys"))["id"] != first["id"]
    assert await count(hybrid) == 2
    answer = await hybrid("POST", "/augment_query", json={"query": "Rotate every key that never changes"})
    assert "twice a year" in answer.json["augmented_prompt"]
    assert "once a year" not in answer.json["augmented_prompt"]


async def test_fifty_clients_storing_one_item_leave_one_item(hybrid: Api) -> None:
    ids = await asyncio.gather(*(put(hybrid) for _ in range(50)))
    assert len({stored["id"] for stored in ids}) == 1
    assert await count(hybrid) == 1


async def test_items_survive_a_restart(start: Start) -> None:
    async with start() as hybrid:
        await put(hybrid)
    async with start() as hybrid:
        assert await count(hybrid) == 1
        answer = await hybrid("POST", "/augment_query", json={"query": "Rotate every key that never changes"})
        assert "qdrant" in {source["service"] for source in answer.json["sources"]}


async def test_an_unknown_collection_is_not_found(hybrid: Api) -> None:
    assert (await hybrid("POST", "/collections/worst-practices/items", json=ITEM)).status == 404


async def test_a_bad_item_is_refused_by_field(hybrid: Api) -> None:
    for changes, field in (
        ({"title": " "}, "title"),
        ({"description": "x" * 8001}, "description"),
        ({"examples": ["x"] * 33}, "examples"),
        ({"votes": {}}, "votes"),
    ):
        answer = await hybrid("POST", ITEMS, json={**ITEM, **changes})
        assert answer.status == 400
        assert field in answer.json["error"]


@pytest.mark.parametrize("mode", ["error", "not_json", "wrong_shape"])
async def test_without_an_embedding_nothing_is_stored(hybrid: Api, fakes: Others, mode: Any) -> None:
    fakes.embeddings.mode = mode
    answer = await hybrid("POST", ITEMS, json=ITEM)
    assert answer.status == 503
    assert "embeddings" in answer.json["error"]
    fakes.embeddings.mode = "ok"
    assert await count(hybrid) == 0
    assert (await put(hybrid))["status"] == "created"


async def test_a_directory_that_cannot_be_written_is_a_store_that_is_down(hybrid: Api, tmp_path: Path) -> None:
    (file,) = await asyncio.to_thread(lambda: list((tmp_path / "qdrant").rglob("*best-practices*/storage.sqlite")))
    with contextlib.closing(sqlite3.connect(file)) as other:
        other.execute("DROP TABLE points")
        other.commit()
    answer = await hybrid("POST", ITEMS, json=ITEM)
    assert answer.status == 503
    assert "qdrant" in answer.json["error"]


async def test_vectors_of_another_model_stop_the_start_and_both_are_named(start: Start, fakes: Others) -> None:
    async with start() as hybrid:
        await put(hybrid)
    fakes.embeddings.info |= {"model": "other-model", "revision": "0" * 64}
    with pytest.raises(
        StoredVectorsOfAnotherModel, match=r"bag-of-words \(revision f{12}.*other-model \(revision 0{12}"
    ):
        async with start():
            pass


async def test_a_model_that_changes_later_is_not_mixed_in(start: Start, fakes: Others) -> None:
    async with start() as hybrid:
        await put(hybrid)
        await fakes.embeddings.stop()
        await hybrid("POST", "/augment_query", json={"query": "rotate every key, first"})
        fakes.embeddings.info |= {"model": "other-model", "revision": "0" * 64}
        await fakes.embeddings.start()
        refused = await eventually(hybrid, status=409)
        assert "other-model" in refused.json["error"]
        assert "bag-of-words" in refused.json["error"]
        answer = (await hybrid("POST", "/augment_query", json={"query": "rotate every key, second"})).json
        assert answer["degraded_services"] == ["qdrant"]
        assert await count(hybrid) == 1


async def eventually(hybrid: Api, *, status: int) -> Any:
    """Store new items until that is answered with `status`."""
    limit = time.monotonic() + PATIENCE
    number = 0
    while (answer := await put_new(hybrid, number)).status != status and time.monotonic() < limit:
        await asyncio.sleep(0.1)
        number += 1
    assert answer.status == status, answer.body
    return answer


async def put_new(hybrid: Api, number: int) -> Answer:
    return await hybrid("POST", ITEMS, json={**ITEM, "title": f"Number {number}"})


# The library leaves its lock file open when it finds it locked.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_second_process_on_the_same_directory_is_refused(start: Start, tmp_path: Path) -> None:
    async with start():
        with pytest.raises(VectorStoreInUse, match="already in use"):
            async with start():
                pass
