"""The adapter to Qdrant: a server over HTTP and a directory behave alike."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from qdrant_client import models

from ai_stack.hybrid_coordinator.records import COLLECTIONS
from ai_stack.hybrid_coordinator.vector_store import (
    CollectionMissing,
    Hit,
    Point,
    VectorStore,
    VectorStoreError,
    all_of,
)
from support.waiting import PATIENCE

from .conftest import Start
from .fakes import Others
from .qdrant_stub import Mode, QdrantStub, qdrant_stub

KEY = "qdrant-key"
HNSW = models.HnswConfigDiff(m=16, ef_construct=64)
METADATA = {"model": "m", "revision": "r", "dimensions": 2}


@pytest.fixture
async def stub() -> AsyncIterator[QdrantStub]:
    async with qdrant_stub(KEY) as started:
        yield started


@pytest.fixture(params=["directory", "server"])
async def store(request: pytest.FixtureRequest, tmp_path: Path, stub: QdrantStub) -> AsyncIterator[VectorStore]:
    if request.param == "directory":
        opened = await VectorStore.directory(tmp_path / "qdrant")
    else:
        opened = await VectorStore.server(stub.url, api_key=KEY, timeout=5.0)
    yield opened
    await opened.close()


async def create(store: VectorStore) -> None:
    await store.create("things--1", dimension=2, metadata=METADATA, hnsw=HNSW)
    await store.point_alias("things", "things--1")


async def test_a_collection_is_described_by_its_alias(store: VectorStore) -> None:
    await store.ping()
    assert await store.describe("things") is None
    await create(store)
    found = await store.describe("things")
    assert found is not None
    assert (found.name, found.dimension, dict(found.metadata), found.points) == ("things--1", 2, METADATA, 0)


async def test_creating_again_changes_nothing(store: VectorStore) -> None:
    await create(store)
    await store.upsert("things", uuid.uuid4(), [1.0, 0.0], {})
    await create(store)
    assert await store.count("things") == 1


async def test_points_are_found_by_similarity_above_a_threshold(store: VectorStore) -> None:
    await create(store)
    near, far = uuid.uuid4(), uuid.uuid4()
    await store.upsert("things", near, [1.0, 0.0], {"name": "near"})
    await store.upsert("things", far, [0.0, 1.0], {"name": "far"})
    assert await store.search("things", [1.0, 0.0], limit=5, threshold=0.5) == [
        Hit(str(near), 1.0, {"name": "near"}),
    ]
    assert len(await store.search("things", [1.0, 0.1], limit=5, threshold=-1.0)) == 2
    assert len(await store.search("things", [1.0, 0.1], limit=1, threshold=-1.0)) == 1
    assert await store.points("things", [str(far), str(uuid.uuid4())], vectors=True) == [
        Point(str(far), {"name": "far"}, [0.0, 1.0])
    ]
    assert await store.points("things", []) == []
    await store.upsert("things", far, [0.0, 1.0], {"name": "moved"})
    assert await store.points("things", [str(far)]) == [Point(str(far), {"name": "moved"}, [])]
    assert await store.count("things") == 2
    assert await store.count("things", all_of(name="moved")) == 1
    without = await store.search("things", [1.0, 0.1], limit=5, threshold=-1.0, where=all_of(without_ids=[str(near)]))
    assert [hit.id for hit in without] == [str(far)]


async def test_fields_are_merged_where_a_filter_matches(store: VectorStore) -> None:
    await create(store)
    one, other = uuid.uuid4(), uuid.uuid4()
    for id_ in (one, other):
        await store.upsert("things", id_, [1.0, 0.0], {"a": 1, "votes": {"x": 1}, "revision": str(id_)})
    await store.merge("things", all_of(ids=[str(one), str(uuid.uuid4())]), {"a": 2})
    await store.merge("things", all_of(ids=[str(one)], revision=str(one)), {"y": 2}, key="votes")
    await store.merge("things", all_of(ids=[str(other)], revision=str(one)), {"a": 3})
    payloads = {point.id: point.payload for point in await store.points("things", [str(one), str(other)])}
    assert payloads[str(one)] == {"a": 2, "votes": {"x": 1, "y": 2}, "revision": str(one)}
    assert payloads[str(other)] == {"a": 1, "votes": {"x": 1}, "revision": str(other)}
    key = uuid.uuid4().hex
    await store.merge("things", all_of(ids=[str(one)]), {key: 3}, key="votes")
    await store.forget("things", all_of(ids=[str(one)]), ["votes.x", f"votes.{key}", "votes.absent"])
    assert [point.payload["votes"] for point in await store.points("things", [str(one)])] == [{"y": 2}]


async def test_pages_cover_every_point_once_and_deleted_ones_are_gone(store: VectorStore) -> None:
    await create(store)
    ids = {str(uuid.uuid4()) for _ in range(5)}
    for id_ in ids:
        await store.upsert("things", uuid.UUID(id_), [1.0, 0.0], {"kind": "k"})
    seen: list[str] = []
    after = None
    while True:
        page, after = await store.page("things", where=all_of(kind="k"), limit=2, after=after)
        seen += [point.id for point in page]
        if after is None:
            break
    assert sorted(seen) == sorted(ids)
    gone = seen[:2]
    await store.delete("things", all_of(ids=[*gone, str(uuid.uuid4())], kind="k"))
    await store.delete("things", all_of(ids=list(ids), kind="other"))
    assert {point.id for point in await store.points("things", ids)} == ids - set(gone)


async def test_a_missing_collection_is_told_from_a_failure(store: VectorStore) -> None:
    with pytest.raises(CollectionMissing):
        await store.count("things")
    with pytest.raises(CollectionMissing):
        await store.search("things", [1.0, 0.0], limit=1, threshold=0.0)


@pytest.mark.parametrize("mode", ["error", "not_json", "null"])
async def test_a_server_that_answers_nonsense_is_a_failure(stub: QdrantStub, mode: Mode) -> None:
    store = await VectorStore.server(stub.url, api_key=KEY, timeout=5.0)
    await create(store)
    stub.mode = mode
    with pytest.raises(VectorStoreError):
        await store.search("things", [1.0, 0.0], limit=1, threshold=0.0)
    with pytest.raises(VectorStoreError):
        await store.ping()
    await store.close()


async def test_a_server_that_cannot_be_reached_or_wants_another_key_is_a_failure(stub: QdrantStub) -> None:
    for url, key in (("http://127.0.0.1:1", KEY), (stub.url, "wrong"), (stub.url, None)):
        store = await VectorStore.server(url, api_key=key, timeout=5.0)
        with pytest.raises(VectorStoreError):
            await store.ping()
        await store.close()


ITEM = {"category": "c", "title": "Open a port in the firewall", "description": "Only where needed."}
QUESTION = {"query": "Open a port in the firewall"}


async def test_the_service_works_on_a_server(start: Start, stub: QdrantStub, fakes: Others) -> None:
    async with start(qdrant_path=None, qdrant_url=stub.url, qdrant_api_key=KEY) as hybrid:
        assert (await hybrid("POST", "/collections/best-practices/items", json=ITEM)).status == 200
        assert len(stub.created) == len(COLLECTIONS)
        created = next(body for name, body in stub.created.items() if name.startswith("best-practices--"))
        assert created["hnsw_config"]["m"] == 16
        assert created["hnsw_config"]["ef_construct"] == 64
        assert created["vectors"]["distance"] == "Cosine"
        assert ("interaction-history", "pending", "bool") in stub.indexes
        assert created["metadata"]["revision"] == fakes.embeddings.info["revision"]
        answer = (await hybrid("POST", "/augment_query", json=QUESTION)).json
        assert "qdrant" in {source["service"] for source in answer["sources"]}
        assert answer["degraded"] is False


@pytest.mark.parametrize("mode", ["error", "not_json", "null", "hang"])
async def test_the_service_works_without_its_server(start: Start, stub: QdrantStub, mode: Mode) -> None:
    settings = {"qdrant_path": None, "qdrant_url": stub.url, "qdrant_api_key": KEY, "answer_deadline": 1.0}
    async with start(**settings) as hybrid:
        stub.mode = mode
        async with asyncio.timeout(PATIENCE):
            answer = (await hybrid("POST", "/augment_query", json=QUESTION)).json
        assert answer["degraded_services"] == ["qdrant"]
        assert answer["context_count"] == 2
        if mode != "hang":
            assert (await hybrid("GET", "/collections")).status == 503
            assert (await hybrid("GET", "/stats")).json["collections"] == dict.fromkeys(COLLECTIONS)
            ready = (await hybrid("GET", "/health/ready")).json
            assert ready["status"] == "degraded"
            assert ready["details"]["qdrant"]["status"] == "unhealthy"


async def test_a_collection_that_vanishes_is_created_again(start: Start, stub: QdrantStub) -> None:
    async with start(qdrant_path=None, qdrant_url=stub.url, qdrant_api_key=KEY) as hybrid:
        await hybrid("POST", "/collections/best-practices/items", json=ITEM)
        await stub.memory.delete_collection(next(name for name in stub.created if name.startswith("best-practices")))
        assert (await hybrid("POST", "/augment_query", json=QUESTION)).json["degraded_services"] == ["qdrant"]
        limit = time.monotonic() + PATIENCE
        while (listed := await hybrid("GET", "/collections")).status != 200 and time.monotonic() < limit:
            await asyncio.sleep(0.05)
        assert {"name": "best-practices", "items": 0} in listed.json["collections"]
