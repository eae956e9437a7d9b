"""Another model takes the place of the one that made the stored vectors, while searches go on."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ai_stack.aidb.errors import StoredVectorsOfAnotherModel
from ai_stack.aidb.model_change import next_index
from ai_stack.local.postgres import ConnectionParameters
from support.http import Api, Keys, api
from support.waiting import eventually

from .conftest import Start, settings_for
from .fakes import FakeEmbeddings
from .test_cache import counted
from .test_crash import Process, client
from .test_documents import rows
from .test_jobs import finished

PAGES = 40


def text(number: int) -> str:
    return f"page {number} about subject{number} and thing{number}"


@pytest.fixture
async def newer() -> AsyncIterator[FakeEmbeddings]:
    fake = FakeEmbeddings()
    fake.model, fake.revision = "newer-model", "c" * 64
    await fake.start()
    yield fake
    fake.hold.set()
    await fake.stop()


async def fill(aidb: Api) -> None:
    documents = [{"path": f"{n}.txt", "title": "t", "content": text(n)} for n in range(PAGES)]
    answer = await aidb("POST", "/documents/batch", json={"documents": documents})
    assert answer.status == 200

    async def embedded() -> bool:
        return bool((await aidb("GET", "/stats")).json["chunks_pending"] == 0)

    await eventually(embedded)


class Load:
    """Searches one after the other and keeps the answers that are wrong.

    A query is the text of a chunk: by one model for both sides its cosine similarity is 1, by two it is about 0.
    """

    def __init__(self, aidb: Api) -> None:
        self._aidb = aidb
        self.answers = 0
        self.wrong: list[Any] = []

    async def run(self) -> None:
        while True:
            number = self.answers % PAGES
            try:
                answer = await self._aidb("POST", "/vector/search", json={"query": f"t {text(number)}", "limit": 1})
            except aiohttp.ClientError:  # the process is down
                await asyncio.sleep(0.05)
                continue
            self.answers += 1
            if answer.status != 200:
                self.wrong.append(answer.body)
            elif not answer.json["results"] or answer.json["results"][0]["score"] < 0.99:
                self.wrong.append(answer.json)


async def test_a_change_under_load_gives_no_failed_and_no_mixed_answer_though_it_is_killed(
    tmp_path: Path,
    keys: Keys,
    store: ConnectionParameters,
    embeddings: FakeEmbeddings,
    newer: FakeEmbeddings,
    free_port: int,
) -> None:
    changes = {
        "port": free_port,
        "api_keys_file": str(keys.path),
        "embeddings_url": embeddings.url,
        "embeddings_next_url": newer.url,
        "embed_batch_size": 4,
        "rate_limits": {"interactive": None, "ingest": None},
    }
    process = Process(tmp_path, settings_for(store, **changes))
    await process.start()
    outer = AsyncExitStack()
    try:
        searcher = await outer.enter_async_context(api(f"http://127.0.0.1:{free_port}", keys.read))
        async with client(keys, free_port) as aidb:
            await fill(aidb)
            newer.allow = 3
            newer.hold.clear()
            load = Load(searcher)
            searching = asyncio.create_task(load.run())
            begun = await aidb.with_key(keys.admin)("POST", "/model/change")
            assert begun.status == 202, begun.body
            job_id = begun.json["id"]

            async def in_the_middle() -> bool:
                return newer.requests > newer.allow

            await eventually(in_the_middle)
            assert (await aidb("GET", f"/jobs/{job_id}")).json["done"] == 12
            await process.end(signal.SIGKILL)
            newer.hold.set()
            before = load.answers
            await process.start()
        async with client(keys, free_port) as aidb:
            # Stored while the change is under way: it needs a vector of each model.
            assert (await aidb("POST", "/documents", json={"path": "late.txt", "content": "latecomer"})).status == 200
            job = await finished(aidb, job_id)
            assert (job["kind"], job["state"]) == ("model_change", "succeeded")
            assert (await aidb("GET", "/stats")).json["model"] == "newer-model"
            seen = load.answers

            async def went_on() -> bool:
                return load.answers > seen + PAGES

            await eventually(went_on)
            late = await aidb("POST", "/vector/search", json={"query": "late.txt latecomer", "limit": 1})
            assert late.json["results"][0]["path"] == "late.txt"
            searching.cancel()
            assert load.wrong == []
            assert load.answers > before
        assert await process.end(signal.SIGTERM) == 0
    finally:
        await outer.aclose()
        await process.end(signal.SIGKILL)
    state = await asyncio.to_thread(
        rows,
        store,
        "SELECT (SELECT count(*) FROM chunks WHERE embedding IS NULL), (SELECT count(*) FROM embedding_queue),"
        " (SELECT count(*) FROM reembedding_queue), (SELECT count(*) FROM model_change)",
    )
    assert state == [(0, 0, 0, 0)]


async def test_after_the_change_the_old_model_is_refused_and_the_new_one_is_enough(
    start: Start, keys: Keys, embeddings: FakeEmbeddings, newer: FakeEmbeddings, store: ConnectionParameters
) -> None:
    indexes = "SELECT indexdef FROM pg_indexes WHERE tablename = 'chunks' ORDER BY 1"
    async with start(embeddings_next_url=newer.url) as aidb:
        await fill(aidb)
        before = await asyncio.to_thread(rows, store, indexes)
        begun = await aidb.with_key(keys.admin)("POST", "/model/change")
        assert begun.status == 202, begun.body
        assert (await finished(aidb, begun.json["id"]))["state"] == "succeeded"
        assert await asyncio.to_thread(rows, store, indexes) == before
        again = await aidb.with_key(keys.admin)("POST", "/model/change")
        assert again.status == 409
        assert "are of newer-model" in again.json["error"]
    with pytest.raises(StoredVectorsOfAnotherModel) as refusal:
        async with start():
            pass
    assert "at embeddings_next_url, then: curl" in str(refusal.value)
    async with start(embeddings_url=newer.url) as aidb:
        answer = await aidb("POST", "/search", json={"query": text(3), "limit": 1})
        assert (answer.json["degraded"], answer.json["results"][0]["path"]) == (False, "3.txt")


async def test_a_change_that_is_cancelled_leaves_everything_as_it_was(
    start: Start, keys: Keys, newer: FakeEmbeddings, store: ConnectionParameters
) -> None:
    columns = "SELECT attname FROM pg_attribute WHERE attrelid = 'chunks'::regclass AND NOT attisdropped AND attnum > 0"
    async with start(embeddings_next_url=newer.url, embed_batch_size=4) as aidb:
        await fill(aidb)
        before = await asyncio.to_thread(rows, store, columns)
        newer.allow = 2
        newer.hold.clear()
        job_id = (await aidb.with_key(keys.admin)("POST", "/model/change")).json["id"]
        assert (await aidb.with_key(keys.admin)("POST", "/model/change")).status == 409

        async def in_the_middle() -> bool:
            return newer.requests > newer.allow

        await eventually(in_the_middle)
        assert (await aidb("POST", f"/jobs/{job_id}/pause")).json["state"] == "paused"
        newer.hold.set()
        assert (await aidb("POST", f"/jobs/{job_id}/cancel")).json["state"] == "cancelled"

        async def cleaned() -> bool:
            return await asyncio.to_thread(rows, store, "SELECT count(*) FROM model_change") == [(0,)]

        await eventually(cleaned)
        assert await asyncio.to_thread(rows, store, columns) == before
        assert (await aidb("GET", "/stats")).json["model"] == "fake-model"
        # And it can be begun anew.
        begun = await aidb.with_key(keys.admin)("POST", "/model/change")
        assert (await finished(aidb, begun.json["id"]))["state"] == "succeeded"


async def test_a_change_needs_a_second_service_and_the_admin_scope(start: Start, keys: Keys) -> None:
    async with start() as aidb:
        assert (await aidb("POST", "/model/change")).status == 403
        answer = await aidb.with_key(keys.admin)("POST", "/model/change")
        assert answer.status == 409
        assert "embeddings_next_url is not set" in answer.json["error"]


async def test_chunks_that_the_new_model_refuses_do_not_hold_the_change_up(
    start: Start, keys: Keys, newer: FakeEmbeddings, store: ConnectionParameters
) -> None:
    async with start(embeddings_next_url=newer.url) as aidb:
        await fill(aidb)
        newer.refuse = lambda given: "subject7 " in given
        begun = await aidb.with_key(keys.admin)("POST", "/model/change")
        assert (await finished(aidb, begun.json["id"]))["state"] == "succeeded"
        stats = (await aidb("GET", "/stats")).json
        assert (stats["chunks_pending"], stats["chunks_refused"]) == (0, 1)


def test_an_index_on_the_next_vectors_is_like_that_on_the_present_ones() -> None:
    definition = "CREATE INDEX chunks_embedding ON public.chunks USING hnsw (embedding vector_cosine_ops) WITH (m='16')"
    partial = "CREATE INDEX chunks_embedded ON public.chunks USING btree (document_id) WHERE (embedding IS NOT NULL)"

    assert next_index(definition) == (
        "CREATE INDEX chunks_embedding_next ON public.chunks USING hnsw (embedding_next vector_cosine_ops)"
        " WITH (m='16')"
    )
    assert next_index(partial) == (
        "CREATE INDEX chunks_embedded_next ON public.chunks USING btree (document_id)"
        " WHERE (embedding_next IS NOT NULL)"
    )


async def test_a_change_that_does_not_go_on_shows_for_how_long(
    start: Start, keys: Keys, newer: FakeEmbeddings, store: ConnectionParameters
) -> None:
    async with start(embeddings_next_url=newer.url) as aidb:
        await fill(aidb)
        newer.hold.clear()
        begun = await aidb.with_key(keys.admin)("POST", "/model/change")
        assert begun.status == 202, begun.body
        newer.hold.set()
        await newer.stop()

        def long_ago() -> None:
            connection = store.connect()
            connection.cursor().execute(
                "UPDATE jobs SET updated_at = now() - interval '1 hour' WHERE state = 'running'"
            )
            connection.close()

        async def idle() -> float:
            if (await aidb("GET", f"/jobs/{begun.json['id']}")).json["state"] == "running":
                await asyncio.to_thread(long_ago)
            return await counted(aidb, "aidb_model_change_idle_seconds")

        async def stuck() -> bool:
            return await idle() >= 3600

        async def not_stuck() -> bool:
            return await idle() == 0

        await eventually(stuck)
        assert (await aidb("POST", f"/jobs/{begun.json['id']}/pause")).status == 200
        await eventually(not_stuck)
