"""What happens while the embeddings service, PostgreSQL or Redis is away, slow, wrong, or another one."""

import asyncio
from typing import Any

import pytest

from ai_stack.aidb.errors import SchemaError, StoredVectorsOfAnotherModel
from ai_stack.local.postgres import ConnectionParameters
from support.http import Api
from support.stores import PostgresFixture
from support.waiting import PATIENCE, eventually

from .conftest import Start
from .fakes import FakeEmbeddings
from .test_documents import GUIDE, put, rows


async def pending(aidb: Api) -> int:
    return int((await aidb("GET", "/stats")).json["chunks_pending"])


async def all_embedded(aidb: Api) -> bool:
    return await pending(aidb) == 0


async def test_documents_are_accepted_without_embeddings_and_embedded_when_they_return(
    start: Start, embeddings: FakeEmbeddings
) -> None:
    await embeddings.stop()
    async with start() as aidb:
        stored = await put(aidb, "a.md", GUIDE)
        assert (stored["change"], stored["embedded"]) == ("created", False)
        found = (await aidb("POST", "/search", json={"query": "restore the newest copy"})).json
        assert found["degraded"] is True
        assert found["results"][0]["heading"] == "Backups > Restore"
        assert found["results"][0]["distance"] is None
        refused = await aidb("POST", "/vector/search", json={"query": "restore"})
        assert refused.status == 503
        assert refused.json["error"].startswith("embeddings is unavailable")

        await embeddings.start()
        await eventually(lambda: all_embedded(aidb))

        async def answers_by_vector() -> bool:
            answer = await aidb("POST", "/search", json={"query": "restore the newest copy"})
            return answer.json["degraded"] is False and answer.json["results"][0]["distance"] is not None

        await eventually(answers_by_vector)


async def test_a_keyword_search_does_without_embeddings_and_is_not_degraded(
    start: Start, embeddings: FakeEmbeddings
) -> None:
    await embeddings.stop()
    async with start() as aidb:
        await put(aidb, "a.md", GUIDE)
        found = (await aidb("POST", "/search", json={"query": "timer", "mode": "keyword"})).json
        assert (found["degraded"], found["total"]) == (False, 1)
        assert (await aidb("POST", "/search", json={"query": "timer", "mode": "vector"})).status == 503


async def test_queued_chunks_survive_a_restart(start: Start, embeddings: FakeEmbeddings) -> None:
    await embeddings.stop()
    async with start() as aidb:
        await put(aidb, "a.md", GUIDE)
    await embeddings.start()
    async with start() as aidb:
        await eventually(lambda: all_embedded(aidb))


async def test_a_hanging_embeddings_service_costs_a_search_no_more_than_its_share(
    start: Start, embeddings: FakeEmbeddings
) -> None:
    async with start(search_embed_timeout=0.3) as aidb:
        await put(aidb, "a.md", GUIDE)
        embeddings.hold.clear()
        # Embeddings answers nothing before the end of the test.
        async with asyncio.timeout(PATIENCE):
            found = (await aidb("POST", "/search", json={"query": "timer"})).json
        assert found["degraded"] is True


async def test_a_document_can_be_replaced_and_deleted_while_its_chunks_are_being_embedded(
    start: Start, embeddings: FakeEmbeddings, store: ConnectionParameters
) -> None:
    async with start(embed_wait=0.0) as aidb:
        embeddings.hold.clear()
        await put(aidb, "a.md", GUIDE)
        kept = await put(aidb, "b.md", "# Kept\n\nwords")

        async def in_flight() -> bool:
            return embeddings.requests > 0

        await eventually(in_flight)
        async with asyncio.timeout(PATIENCE):
            stored = await put(aidb, "a.md", GUIDE + "\nmore")
            assert (await aidb("DELETE", f"/documents/{stored['id']}")).status == 200
        embeddings.hold.set()
        await eventually(lambda: all_embedded(aidb))
        assert (await aidb("GET", f"/documents/{kept['id']}")).json["embedded"] is True
        assert await asyncio.to_thread(rows, store, "SELECT count(*) FROM embedding_queue") == [(0,)]


async def test_a_chunk_that_the_model_refuses_does_not_hold_up_the_others(
    start: Start, embeddings: FakeEmbeddings, store: ConnectionParameters
) -> None:
    embeddings.refuse = lambda text: "poison" in text
    async with start(embed_wait=0.0) as aidb:
        documents = [{"path": f"{n}.txt", "content": "poison" if n == 5 else f"text {n}"} for n in range(12)]
        assert (await aidb("POST", "/documents/batch", json={"documents": documents})).status == 200
        await eventually(lambda: all_embedded(aidb))
        stats = (await aidb("GET", "/stats")).json
        assert stats["chunks_refused"] == 1
        refused = await asyncio.to_thread(
            rows,
            store,
            "SELECT c.content, q.error FROM embedding_queue q JOIN chunks c ON c.id = q.chunk_id",
        )
        assert refused == [("poison", "inputs: refused")]
        embeddings.refuse = lambda _text: False
        found = (await aidb("POST", "/search", json={"query": "poison"})).json
        assert found["results"][0]["content"] == "poison"
        assert found["results"][0]["distance"] is None


async def test_zero_vectors_are_never_stored_nor_searched(start: Start, embeddings: FakeEmbeddings) -> None:
    embeddings.zero = True
    async with start() as aidb:
        stored = await put(aidb, "a.md", GUIDE)
        assert stored["embedded"] is False
        assert await pending(aidb) == 3
        assert (await aidb("POST", "/search", json={"query": "timer"})).json["degraded"] is True
        embeddings.zero = False
        await eventually(lambda: all_embedded(aidb))


async def test_two_processes_share_the_queue_and_embed_every_chunk_once(
    start: Start, embeddings: FakeEmbeddings
) -> None:
    embeddings.hold.clear()
    changes = {"embed_wait": 0.0, "embed_batch_size": 4}
    async with start(**changes) as one, start(**changes) as two:
        for number in range(4):
            documents = [{"path": f"{number}-{n}.txt", "content": f"text {number} {n}"} for n in range(10)]
            aidb = (one, two)[number % 2]
            assert (await aidb("POST", "/documents/batch", json={"documents": documents})).status == 200
        embeddings.hold.set()
        await eventually(lambda: all_embedded(one))
        assert sorted(embeddings.texts) == sorted(set(embeddings.texts))
        assert len(embeddings.texts) == 40


async def test_another_model_is_refused_at_start_and_both_are_named(start: Start, embeddings: FakeEmbeddings) -> None:
    async with start() as aidb:
        await put(aidb, "a.md", GUIDE)
    embeddings.model, embeddings.revision = "other-model", "b" * 64

    with pytest.raises(StoredVectorsOfAnotherModel) as refusal:
        async with start():
            pass

    message = str(refusal.value)
    assert "runs other-model (revision bbbbbbbbbbbb" in message
    assert "made by fake-model (revision aaaaaaaaaaaa" in message


async def test_another_model_while_running_stops_vectors_and_keeps_keywords(
    start: Start, embeddings: FakeEmbeddings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ai_stack.aidb.embeddings.IDENTITY_MAX_AGE", 0.0)
    async with start() as aidb:
        await put(aidb, "a.md", GUIDE)
        vector = [0.1] * 384
        assert (await aidb("POST", "/vector/search", json={"embedding": vector})).status == 200
        made = len(embeddings.texts)
        embeddings.revision = "b" * 64

        refused = await aidb("POST", "/vector/search", json={"query": "timer"})
        assert refused.status == 503
        assert "revision bbbbbbbbbbbb" in refused.json["error"]
        assert "revision aaaaaaaaaaaa" in refused.json["error"]
        assert (await aidb("POST", "/vector/search", json={"embedding": vector})).status == 503
        assert (await aidb("POST", "/search", json={"query": "timer"})).json["degraded"] is True
        assert (await put(aidb, "b.md", "# New\n\nwords"))["embedded"] is False
        assert len(embeddings.texts) == made
        ready = await aidb("GET", "/health/ready")
        assert (ready.status, ready.json["status"]) == (200, "degraded")

        embeddings.revision = "a" * 64
        await eventually(lambda: all_embedded(aidb))
        assert (await aidb("POST", "/search", json={"query": "timer"})).json["degraded"] is False


async def test_a_model_that_comes_late_is_checked_when_it_comes(start: Start, embeddings: FakeEmbeddings) -> None:
    async with start() as aidb:
        await put(aidb, "a.md", GUIDE)
    await embeddings.stop()
    embeddings.revision = "b" * 64
    async with start() as aidb:
        await put(aidb, "b.md", "# New\n\nwords")
        await embeddings.start()

        async def refused() -> bool:
            answer = await aidb("POST", "/vector/search", json={"query": "words"})
            return answer.status == 503 and "revision bbbbbbbbbbbb" in answer.json["error"]

        await eventually(refused)
        assert await pending(aidb) == 1


@pytest.mark.parametrize("answer", [{"model": "m"}, [], {"model": 1, "revision": "r", "dimensions": 384}])
async def test_an_embeddings_service_that_names_no_model_is_not_used(
    start: Start, embeddings: FakeEmbeddings, monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    from aiohttp import web

    async def info(_self: object, _request: web.Request) -> web.Response:
        return web.json_response(answer)

    await embeddings.stop()
    monkeypatch.setattr(FakeEmbeddings, "_info", info)
    await embeddings.start()
    async with start() as aidb:
        assert (await put(aidb, "a.md", GUIDE))["embedded"] is False
        assert (await aidb("POST", "/search", json={"query": "timer"})).json["degraded"] is True


async def test_postgresql_may_restart_under_the_service(
    start: Start, postgres: PostgresFixture, embeddings: FakeEmbeddings
) -> None:
    async with start(postgres_timeout=2.0) as aidb:
        await put(aidb, "a.md", GUIDE)
        await asyncio.to_thread(postgres.server.kill)
        try:
            down = await aidb("GET", "/documents")
            assert down.status == 503
            assert "postgres" in down.json["error"]
            ready = await aidb("GET", "/health/ready")
            assert ready.status == 503
            assert "postgres" in ready.json["message"]
        finally:
            # On the main thread: the server is told to end when the thread that started it does (prctl(2),
            # PR_SET_PDEATHSIG).
            postgres.server.start()

        async def works() -> bool:
            return (await aidb("GET", "/documents")).status == 200

        await eventually(works)
        assert (await put(aidb, "b.md", "# Other\n\nwords"))["change"] == "created"
        await eventually(lambda: all_embedded(aidb))
        assert (await aidb("GET", "/health/ready")).status == 200


async def test_a_postgresql_that_does_not_come_up_stops_the_start_with_one_line(start: Start) -> None:
    with pytest.raises(SchemaError) as refusal:
        async with start(postgres_host="127.0.0.1", postgres_port=1, postgres_start_timeout=0.1):
            pass

    assert str(refusal.value).startswith("no connection to PostgreSQL at 127.0.0.1:1/")
    assert "\n" not in str(refusal.value)
