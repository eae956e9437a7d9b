"""`POST /vector/index`: chunks get the vectors that they lack, one each."""

import asyncio
from typing import Any

import pytest

from ai_stack.aidb.vectors import DIMENSION
from ai_stack.local.postgres import ConnectionParameters
from support.http import Api, Keys, api
from support.waiting import eventually

from .conftest import Start
from .fakes import FakeEmbeddings, vector_of
from .test_documents import GUIDE, put, rows

MODEL: dict[str, Any] = {"model": "fake-model", "revision": "a" * 64}


async def index(aidb: Api, *items: dict[str, Any], status: int = 200, **fields: Any) -> Any:
    answer = await aidb("POST", "/vector/index", json={"items": list(items), **fields})
    assert answer.status == status, answer.body
    return answer.json


async def test_a_document_with_its_vectors_is_indexed_and_gets_no_second_ones(
    aidb: Api, embeddings: FakeEmbeddings, store: ConnectionParameters
) -> None:
    stored = await put(aidb, "a.md", GUIDE)
    texts = len(embeddings.texts)

    for _ in range(2):
        result = await index(aidb, {"document_id": stored["id"], "content": GUIDE})
        assert result == {"status": "ok", "indexed": 3, "pending": 0, "refused": 0}

    assert len(embeddings.texts) == texts
    assert await asyncio.to_thread(rows, store, "SELECT count(*) FROM chunks") == [(3,)]


async def test_a_chunk_that_the_model_refused_is_tried_again(aidb: Api, embeddings: FakeEmbeddings) -> None:
    embeddings.refuse = lambda text: "Nightly" in text
    stored = await put(aidb, "a.md", GUIDE)

    async def refused() -> bool:
        return bool((await aidb("GET", "/stats")).json["chunks_refused"] == 1)

    await eventually(refused)
    embeddings.refuse = lambda _text: False

    async def indexed() -> bool:
        return bool((await index(aidb, {"document_id": stored["id"]}))["indexed"] == 3)

    await eventually(indexed)
    assert (await aidb("GET", "/stats")).json["chunks_refused"] == 0


async def test_a_vector_of_the_stored_model_is_taken_and_found_at_once(
    start: Start, embeddings: FakeEmbeddings, store: ConnectionParameters
) -> None:
    async with start(embed_wait=0.0) as aidb:
        await put(aidb, "first.md", "first")

        async def embedded() -> bool:
            return bool((await aidb("GET", "/stats")).json["chunks_pending"] == 0)

        await eventually(embedded)
        stored = await put(aidb, "a.md", GUIDE)
        await eventually(embedded)
        before = (await aidb("POST", "/vector/search", json={"query": "zebra"})).json["results"]
        chunk = (await asyncio.to_thread(rows, store, "SELECT max(id) FROM chunks"))[0][0]
        item = {"document_id": stored["id"], "chunk_id": chunk, "embedding": vector_of("zebra").tolist()}

        assert (await index(aidb, item, **MODEL))["indexed"] == 1

        found = (await aidb("POST", "/vector/search", json={"query": "zebra"})).json["results"]
        assert found[0]["chunk_id"] == chunk
        assert found[0]["score"] == pytest.approx(1.0, abs=1e-5)
        assert before[0]["score"] < 0.9


async def test_a_vector_of_another_model_is_never_stored(aidb: Api, store: ConnectionParameters) -> None:
    stored = await put(aidb, "a.md", "text")
    vectors = "SELECT embedding::text FROM chunks"
    before = await asyncio.to_thread(rows, store, vectors)
    item = {"document_id": stored["id"], "embedding": vector_of("zebra").tolist()}

    await index(aidb, item, status=422)
    await index(aidb, item, status=409, model="other", revision="a" * 64)
    await index(aidb, item, status=409, model="fake-model", revision="b" * 64)
    await index(aidb, item | {"embedding": [0.0] * DIMENSION}, status=422, **MODEL)

    assert await asyncio.to_thread(rows, store, vectors) == before


async def test_what_cannot_be_indexed_is_refused_and_nothing_is_changed(aidb: Api, store: ConnectionParameters) -> None:
    stored = await put(aidb, "a.md", GUIDE)
    other = await put(aidb, "b.md", "other text")
    number = stored["id"]
    chunk = (await asyncio.to_thread(rows, store, f"SELECT min(id) FROM chunks WHERE document_id = {number}"))[0][0]
    vector = vector_of("zebra").tolist()
    new = {"document_id": other["id"], "metadata": {"new": True}}

    await index(aidb, new, {"document_id": 10**9}, status=404)
    await index(aidb, new, {"document_id": number, "chunk_id": 10**9}, status=404)
    await index(aidb, new, {"document_id": other["id"], "chunk_id": chunk}, status=404)
    await index(aidb, new, {"document_id": number, "content": "another text"}, status=409)
    await index(aidb, new, {"document_id": number, "embedding": vector}, status=422, **MODEL)
    await index(aidb, {"document_id": number}, {"document_id": number, "chunk_id": chunk}, status=422)
    await index(aidb, status=400)

    assert (await aidb("GET", f"/documents/{other['id']}")).json["metadata"] == {}


async def test_metadata_take_the_place_of_those_of_the_document(aidb: Api) -> None:
    stored = await put(aidb, "a.md", GUIDE, metadata={"old": 1})

    await index(aidb, {"document_id": stored["id"], "metadata": {"team": "ops"}})

    hit = (await aidb("POST", "/search", json={"query": "timer", "metadata": {"team": "ops"}})).json["results"][0]
    assert hit["metadata"] == {"team": "ops"}


async def test_only_a_key_that_writes_may_index(aidb: Api, keys: Keys) -> None:
    async with api(aidb.base, keys.read) as reader:
        assert (await reader("POST", "/vector/index", json={"items": [{"document_id": 1}]})).status == 403
