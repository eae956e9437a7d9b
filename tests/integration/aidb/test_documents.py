"""Documents over HTTP: stored, replaced, listed, read, deleted."""

import asyncio
import io
import json
from typing import Any

import pytest
import yarl

from ai_stack.local.postgres import ConnectionParameters
from support.http import Api, Keys

from .fakes import FakeEmbeddings, vector_of

GUIDE = """# Backups

How data is kept.

## Nightly

A timer copies the database every night.

## Restore

Stop the service, then restore the newest copy.
"""


async def put(aidb: Api, path: str, content: str, **fields: Any) -> Any:
    answer = await aidb("POST", "/documents", json={"path": path, "content": content, **fields})
    assert answer.status == 200, answer.body
    return answer.json


def rows(store: ConnectionParameters, statement: str) -> list[Any]:
    connection = store.connect()
    try:
        cursor = connection.cursor()
        cursor.execute(statement)
        return list(cursor.fetchall())
    finally:
        connection.close()


async def test_a_stored_document_is_embedded_and_says_what_it_became(aidb: Api) -> None:
    result = await put(aidb, "ops/backups.md", GUIDE)

    assert result["change"] == "created"
    assert result["embedded"] is True
    assert result["chunks"] == 3
    assert result["title"] == "Backups"
    assert result["content_type"] == "text/markdown"
    assert result["project"] == "default"
    assert result["path"] == result["relative_path"] == "ops/backups.md"


async def test_the_same_document_again_changes_nothing(aidb: Api, embeddings: FakeEmbeddings) -> None:
    first = await put(aidb, "a.md", GUIDE)
    embedded = len(embeddings.texts)

    second = await put(aidb, "a.md", GUIDE)

    assert second == {**first, "change": "unchanged", "chunks_added": 0}
    assert len(embeddings.texts) == embedded


async def test_a_changed_section_alone_is_embedded_again(
    aidb: Api, embeddings: FakeEmbeddings, store: ConnectionParameters
) -> None:
    await put(aidb, "a.md", GUIDE)
    before = dict(await asyncio.to_thread(rows, store, "SELECT heading, id FROM chunks"))
    embeddings.texts.clear()

    result = await put(aidb, "a.md", GUIDE.replace("every night", "every hour"))

    assert (result["change"], result["changed"]) == ("updated", ["content"])
    assert (result["chunks"], result["chunks_added"], result["chunks_removed"]) == (3, 1, 1)
    assert result["embedded"] is True
    assert [text for text in embeddings.texts if "every hour" in text] == embeddings.texts
    after = dict(await asyncio.to_thread(rows, store, "SELECT heading, id FROM chunks"))
    assert {heading for heading in before if before[heading] == after[heading]} == {"Backups", "Backups > Restore"}


async def test_sections_that_change_places_keep_their_vectors(
    aidb: Api, embeddings: FakeEmbeddings, store: ConnectionParameters
) -> None:
    one, two = "# T\n\n## One\n\nalpha\n\n", "## Two\n\nbeta\n\n"
    await put(aidb, "a.md", one + two + "## Three\n\ngamma\n\n")
    embeddings.texts.clear()

    result = await put(aidb, "a.md", "# T\n\n## Three\n\ngamma\n\n" + two + "## One\n\nalpha\n\n")

    assert result["change"] == "updated"
    order = await asyncio.to_thread(rows, store, "SELECT heading FROM chunks ORDER BY position")
    assert [heading for (heading,) in order] == ["T > Three", "T > Two", "T > One"]
    assert not any("beta" in text for text in embeddings.texts)


async def test_new_metadata_alone_is_an_update_without_new_vectors(aidb: Api, embeddings: FakeEmbeddings) -> None:
    first = await put(aidb, "a.md", GUIDE, metadata={"owner": "ops"})
    embeddings.texts.clear()

    again = await put(aidb, "a.md", GUIDE, metadata={"owner": "ops", "n": [1, 2.5, None, True]})
    same = await put(aidb, "a.md", GUIDE, metadata={"n": [1, 2.5, None, True], "owner": "ops"})

    assert (again["change"], same["change"]) == ("updated", "unchanged")
    assert embeddings.texts == []
    read = await aidb("GET", f"/documents/{first['id']}")
    assert read.json["metadata"] == {"owner": "ops", "n": [1, 2.5, None, True]}


async def test_projects_keep_documents_of_one_path_apart(aidb: Api) -> None:
    one = await put(aidb, "a.md", "one", project="first")
    two = await put(aidb, "a.md", "two", project="second")

    assert one["id"] != two["id"]
    listed = await aidb("GET", "/documents?project=second")
    assert [document["id"] for document in listed.json["documents"]] == [two["id"]]
    assert listed.json["total"] == 1
    assert listed.json["project"] == "second"


async def test_pages_follow_each_other_without_gap_or_repeat(aidb: Api) -> None:
    stored = [(await put(aidb, f"{n}.txt", f"text {n}"))["id"] for n in range(5)]
    found: list[int] = []
    after: int | None = 0
    while after is not None:
        page = (await aidb("GET", f"/documents?limit=2&after={after}")).json
        assert page["total"] == 5
        found += [document["id"] for document in page["documents"]]
        after = page["next"]

    assert found == stored
    beyond = (await aidb("GET", f"/documents?after={stored[-1]}")).json
    assert (beyond["documents"], beyond["total"], beyond["next"]) == ([], 5, None)


async def test_content_is_listed_only_when_asked_for(aidb: Api) -> None:
    stored = await put(aidb, "a.txt", "plain words", title="Words")

    without = (await aidb("GET", "/documents")).json["documents"][0]
    having = (await aidb("GET", "/documents?include_content=true")).json["documents"][0]
    read = (await aidb("GET", f"/documents/{stored['id']}")).json

    assert without["content"] is None
    assert having["content"] == read["content"] == "plain words"
    assert read["title"] == "Words"
    assert read["size_bytes"] == 11
    assert read["chunks"] == 1
    assert read["embedded"] is True
    assert len(read["checksum"]) == 64


async def test_a_page_with_content_ends_where_it_would_become_too_large(
    aidb: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ai_stack.aidb.documents.MAX_PAGE_BYTES", 1500)
    for n in range(4):
        await put(aidb, f"{n}.txt", f"{n} " * 500)

    first = (await aidb("GET", "/documents?include_content=true")).json
    rest = (await aidb("GET", f"/documents?include_content=true&after={first['next']}")).json

    assert [document["path"] for document in first["documents"]] == ["0.txt", "1.txt"]
    assert [document["path"] for document in rest["documents"]] == ["2.txt", "3.txt"]
    assert (first["total"], rest["next"]) == (4, None)
    assert len((await aidb("GET", "/documents")).json["documents"]) == 4


async def test_the_longest_names_can_be_stored_and_longer_ones_are_refused(aidb: Api) -> None:
    stored = await put(aidb, "🙂" * 256, "words", project="🙂" * 128, title="🙂" * 512)
    answer = await aidb("POST", "/documents", json={"path": "🙂" * 257, "content": "words"})

    assert stored["path"] == "🙂" * 256
    assert answer.status == 400
    assert "path: must have at most 1024 bytes" in answer.json["error"]


@pytest.mark.parametrize("query", ["project=%ff", "project=%ed%a0%80", "limit=1&limit=2", "limit=x", "after=-1", "x=1"])
async def test_a_bad_listing_is_refused_or_empty(aidb: Api, query: str) -> None:
    answer = await aidb("GET", yarl.URL(f"/documents?{query}", encoded=True).raw_path_qs)

    assert answer.status in ((200, 400) if query.startswith("project") else (400,))


async def test_numbers_of_any_size_in_metadata_are_kept_or_refused(aidb: Api) -> None:
    for number in ("9007199254740993", "1e308", "-0.0", "123456789012345678901234567890", "1" * 400):
        raw = f'{{"path": "a", "content": "x", "metadata": {{"n": {number}}}}}'.encode()
        answer = await aidb("POST", "/documents", data=raw, headers={"Content-Type": "application/json"})
        assert answer.status in (200, 400), number
        if answer.status == 200:
            read = (await aidb("GET", f"/documents/{answer.json['id']}")).json
            kept = read["metadata"]["n"]
            assert kept == json.loads(number) or float(kept) == float(number)


async def test_a_deleted_document_leaves_nothing_behind(aidb: Api, store: ConnectionParameters) -> None:
    stored = await put(aidb, "a.md", GUIDE)

    assert (await aidb("DELETE", f"/documents/{stored['id']}")).json == {"status": "deleted", "id": stored["id"]}

    assert (await aidb("GET", f"/documents/{stored['id']}")).status == 404
    assert (await aidb("DELETE", f"/documents/{stored['id']}")).status == 404
    left = await asyncio.to_thread(
        rows, store, "SELECT (SELECT count(*) FROM chunks), (SELECT count(*) FROM embedding_queue)"
    )
    assert left == [(0, 0)]
    found = await aidb("POST", "/search", json={"query": "timer copies the database"})
    assert found.json["results"] == []


async def test_a_batch_stores_what_it_can_and_names_what_it_cannot(start: Any) -> None:
    async with start(max_document_bytes=1000) as aidb:
        documents = [
            {"path": "good.md", "content": GUIDE},
            {"path": "blank.md", "content": " \n\t"},
            {"path": "large.txt", "content": "x" * 1001},
            {"relative_path": "other.rst", "content": "Title\n=====\n\nwords", "project": "p"},
        ]
        answer = await aidb("POST", "/documents/batch", json={"documents": documents})

    assert answer.status == 200
    results = answer.json["results"]
    assert [result["status"] for result in results] == ["ok", "refused", "refused", "ok"]
    assert results[1]["error"] == "content: must not be blank"
    assert "at most 1000 bytes" in results[2]["error"]
    assert results[3]["title"] == "Title"
    assert (answer.json["stored"], answer.json["refused"], answer.json["chunks"]) == (2, 2, 4)


async def test_a_batch_of_refused_documents_stores_nothing(aidb: Api) -> None:
    answer = await aidb("POST", "/documents/batch", json={"documents": [{"path": "a", "content": " "}]})

    assert (answer.status, answer.json["stored"]) == (200, 0)
    assert (await aidb("GET", "/documents")).json["total"] == 0


async def test_concurrent_batches_with_the_same_documents_all_succeed(aidb: Api) -> None:
    paths = [f"{n}.md" for n in range(12)]

    async def store_batch(version: int, order: list[str]) -> int:
        documents = [{"path": path, "content": f"# {path}\n\nversion {version}"} for path in order]
        return (await aidb("POST", "/documents/batch", json={"documents": documents})).status

    statuses = await asyncio.gather(
        *(store_batch(version, paths if version % 2 else paths[::-1]) for version in range(8))
    )

    assert statuses == [200] * 8
    listed = (await aidb("GET", "/documents?include_content=true")).json
    assert listed["total"] == 12
    assert all(document["chunks"] == 1 for document in listed["documents"])


@pytest.mark.parametrize(
    ("body", "status", "names"),
    [
        ({"content": "x"}, 400, "path"),
        ({"content": "x", "path": "a", "relative_path": "b"}, 400, "path"),
        ({"content": "", "path": "a"}, 400, "content"),
        ({"content": "nul \0", "path": "a"}, 400, "NUL"),
        ({"content": "x", "path": "a", "metadata": {"k": "\0"}}, 400, "NUL"),
        ({"content": "x", "path": "a", "content_type": "application/zip"}, 400, "content_type"),
        ({"content": "x", "path": " "}, 400, "path"),
        ({"content": "x", "path": "a", "project": ""}, 400, "project"),
        ({"content": "x", "path": "a", "colour": "red"}, 400, "colour"),
        ({"content": 5, "path": "a"}, 400, "content"),
        ({"content": " \n ", "path": "a"}, 422, "content"),
        ({"content": "x" * 1_048_577, "path": "a"}, 413, "content"),
        ({"content": "x" * 2_000_000, "path": "a"}, 413, "content"),
    ],
)
async def test_a_bad_document_is_refused_and_the_field_named(
    aidb: Api, body: dict[str, Any], status: int, names: str
) -> None:
    raw = io.BytesIO(json.dumps(body).encode())
    answer = await aidb("POST", "/documents", data=raw, headers={"Content-Type": "application/json"})

    assert answer.status == status
    assert names in answer.json["error"]
    assert (await aidb("GET", "/documents")).json["total"] == 0


async def test_infinite_numbers_in_metadata_are_refused(aidb: Api) -> None:
    raw = b'{"path": "a", "content": "x", "metadata": {"n": [1e999]}}'
    answer = await aidb("POST", "/documents", data=raw, headers={"Content-Type": "application/json"})

    assert answer.status == 400


async def test_a_batch_with_one_document_twice_is_refused(aidb: Api) -> None:
    documents = [{"path": "a", "content": "x"}, {"relative_path": "a", "content": "y"}]
    answer = await aidb("POST", "/documents/batch", json={"documents": documents})

    assert answer.status == 400
    assert "same project and path" in answer.json["error"]


@pytest.mark.parametrize("id_", ["0", "-1", "9223372036854775808", "x", "1.5", "%00"])
async def test_an_impossible_id_is_not_found(aidb: Api, id_: str) -> None:
    assert (await aidb("GET", f"/documents/{id_}")).status == 404
    assert (await aidb("DELETE", f"/documents/{id_}")).status == 404


async def test_reading_needs_the_read_scope_and_writing_the_write_scope(aidb: Api, keys: Keys) -> None:
    reader, stranger = aidb.with_key(keys.read), aidb.with_key(None)
    document = {"path": "a", "content": "x"}

    assert (await reader("POST", "/documents", json=document)).status == 403
    assert (await reader("POST", "/documents/batch", json={"documents": [document]})).status == 403
    assert (await reader("DELETE", "/documents/1")).status == 403
    assert (await reader("GET", "/documents")).status == 200
    for method, path in (("GET", "/documents"), ("GET", "/stats"), ("POST", "/search"), ("POST", "/vector/embed")):
        assert (await stranger(method, path)).status == 401


async def test_stats_count_what_is_stored_and_name_the_model(aidb: Api, embeddings: FakeEmbeddings) -> None:
    empty = (await aidb("GET", "/stats")).json
    await put(aidb, "a.md", GUIDE)
    await put(aidb, "b.txt", "words", project="other")
    full = (await aidb("GET", "/stats")).json

    assert (empty["documents"], empty["model"]) == (0, None)
    assert full == {
        "projects": 2,
        "documents": 2,
        "chunks": 4,
        "chunks_pending": 0,
        "chunks_refused": 0,
        "model": embeddings.model,
        "model_revision": embeddings.revision,
    }


async def test_texts_are_embedded_in_order_and_in_batches(aidb: Api, embeddings: FakeEmbeddings) -> None:
    texts = [f"text number {n}" for n in range(64)]

    answer = await aidb("POST", "/vector/embed", json={"texts": texts})

    assert answer.status == 200
    assert (answer.json["model"], answer.json["dimension"]) == (embeddings.model, 384)
    assert embeddings.requests == 2
    assert answer.json["embeddings"][63] == pytest.approx(vector_of(texts[63]).tolist(), abs=1e-6)


@pytest.mark.parametrize("texts", [[], [""], [" "], ["x"] * 65, ["x" * 10_001], "x"])
async def test_texts_that_cannot_be_embedded_are_refused(aidb: Api, texts: Any) -> None:
    assert (await aidb("POST", "/vector/embed", json={"texts": texts})).status == 400


async def test_a_document_is_replaced_under_its_own_name(aidb: Api) -> None:
    first = await put(aidb, "a.md", GUIDE, project="ops", metadata={"owner": "ops"})

    answer = await aidb(
        "PUT", f"/documents/{first['id']}", json={"content": "# Backups\n\nNone.\n", "status": "pending"}
    )

    assert answer.status == 200
    result = answer.json
    assert (result["id"], result["project"], result["path"]) == (first["id"], "ops", "a.md")
    assert (result["change"], result["changed"]) == ("updated", ["content", "metadata", "status"])
    read = (await aidb("GET", f"/documents/{first['id']}")).json
    assert (read["status"], read["metadata"], read["content"]) == ("pending", {}, "# Backups\n\nNone.\n")
    assert (await aidb("GET", "/documents?status=pending")).json["total"] == 1
    assert (await aidb("GET", "/documents?status=approved")).json["total"] == 0


async def test_a_document_that_is_not_there_is_not_replaced(aidb: Api) -> None:
    assert (await aidb("PUT", "/documents/77", json={"content": "text"})).status == 404
    assert (await aidb("PUT", "/documents/77", json={"content": "text", "path": "a.md"})).status == 400
    assert (await aidb("GET", "/documents")).json["total"] == 0


async def test_a_document_with_a_credential_is_refused_with_its_line(aidb: Api) -> None:
    key = "ghp_" + "a1B2" * 9
    body = {"path": "a.md", "content": f"# Notes\n\ntoken: {key}\n"}

    answer = await aidb("POST", "/documents", json=body)

    assert answer.status == 422
    assert answer.json["error"].startswith("content: line 3 seems to hold a GitHub token")
    assert key.encode() not in answer.body
    assert (await aidb("POST", "/documents", json=body | {"allow_secrets": True})).status == 200


async def test_every_change_that_searches_can_see_begins_an_epoch(aidb: Api, store: ConnectionParameters) -> None:
    async def epoch() -> int:
        found = await asyncio.to_thread(rows, store, "SELECT epoch FROM search_epoch")
        return int(found[0][0])

    start = await epoch()
    document = await put(aidb, "a.md", GUIDE)
    assert document["embedded"]
    stored = await epoch()
    assert stored == start + 2  # the document, and its vectors
    await put(aidb, "a.md", GUIDE)
    assert await epoch() == stored
    await aidb("DELETE", f"/documents/{document['id']}")
    assert await epoch() == stored + 1
