"""Storing a directory of documents, against a fake stack on a real socket."""

from pathlib import Path

import pytest
from aiohttp import web

from ai_stack.cli import client as client_module
from ai_stack.cli import ingest as ingest_module
from ai_stack.cli.client import connected
from ai_stack.cli.ingest import Report, ingest
from ai_stack.local.errors import LocalError
from support.fake_stack import FakeStack


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    directory = tmp_path / "corpus"
    directory.mkdir()
    for number in range(40):
        (directory / f"{number:02}.md").write_text(f"# Page {number}\n")
    (directory / "broken.md").write_bytes(b"\xff")
    return directory


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest_module, "POLL_SECONDS", 0)
    monkeypatch.setattr(client_module, "LONGEST_PAUSE", 0)


def store(fake: FakeStack, change: str = "created") -> None:
    """Let the fake accept documents, three chunks each, and have vectors pending for a while."""

    async def batch(request: web.Request) -> web.Response:
        documents = (await request.json())["documents"]
        results = [{"status": "ok", "change": change, "chunks": 3, "path": one["path"]} for one in documents]
        return web.json_response({"results": results})

    pending = [7, 2, 0]

    async def stats(_: web.Request) -> web.Response:
        return web.json_response({"chunks_pending": pending.pop(0)})

    fake.routes |= {"POST /documents/batch": batch, "GET /stats": stats}


async def test_every_document_is_sent_once_in_its_project_and_vectors_are_waited_for(
    fake: FakeStack, corpus: Path
) -> None:
    store(fake)
    seen: list[tuple[int, int]] = []

    def progress(report: Report) -> None:
        seen.append((report.done, report.pending))

    async with connected(fake.state) as client:
        report = await ingest(client, corpus, "handbook", progress)
    bodies = [body["documents"] for name, body in fake.requests if name == "POST /documents/batch"]  # type: ignore[index]
    sent = [document for batch in bodies for document in batch]
    assert sorted(document["path"] for document in sent) == [f"{number:02}.md" for number in range(40)]
    assert {document["project"] for document in sent} == {"handbook"}
    assert all(len(batch) <= ingest_module.BATCH_DOCUMENTS for batch in bodies)
    assert (report.found, report.done, report.stored, report.chunks, report.new_chunks) == (41, 41, 40, 120, 120)
    assert [item.path for item in report.skipped] == ["broken.md"]
    assert report.pending == 0
    assert {7, 2, 0} <= {pending for _, pending in seen}
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


async def test_unchanged_documents_count_as_stored_but_not_as_new(fake: FakeStack, corpus: Path) -> None:
    store(fake, change="unchanged")
    async with connected(fake.state) as client:
        report = await ingest(client, corpus, "default")
    assert (report.outcomes["unchanged"], report.chunks, report.new_chunks) == (40, 120, 0)


async def test_refused_documents_are_reported_with_the_reason(fake: FakeStack, corpus: Path) -> None:
    store(fake)

    async def batch(request: web.Request) -> web.Response:
        documents = (await request.json())["documents"]
        refused = [{"status": "refused", "path": one["path"], "error": "too odd"} for one in documents]
        return web.json_response({"results": refused})

    fake.routes["POST /documents/batch"] = batch
    async with connected(fake.state) as client:
        report = await ingest(client, corpus, "default")
    assert report.stored == 0
    assert {item.reason for item in report.skipped} == {"not UTF-8", "too odd"}


async def test_best_practices_beside_the_documents_are_stored(fake: FakeStack, corpus: Path) -> None:
    store(fake)
    (corpus / "best-practices.jsonl").write_text('{"title": "a"}\n{"title": "b"}\n')

    async def item(_: web.Request) -> web.Response:
        return web.json_response({}, status=201)

    fake.routes["POST /collections/best-practices/items"] = item
    async with connected(fake.state) as client:
        report = await ingest(client, corpus, "default")
    assert report.practices == 2
    stored = [body for name, body in fake.requests if name == "POST /collections/best-practices/items"]
    assert stored == [{"title": "a"}, {"title": "b"}]


async def test_a_service_that_asks_to_wait_is_asked_again(fake: FakeStack, corpus: Path) -> None:
    store(fake)
    accept = fake.routes["POST /documents/batch"]
    refusals = [429, 503]

    async def busy(request: web.Request) -> web.StreamResponse:
        if refusals:
            error = {"error": "busy", "error_id": "1"}
            return web.json_response(error, status=refusals.pop(), headers={"Retry-After": "5"})
        return await accept(request)

    fake.routes["POST /documents/batch"] = busy
    async with connected(fake.state) as client:
        report = await ingest(client, corpus, "default")
    assert report.stored == 40


async def test_an_error_of_a_service_is_one_error_with_its_id(fake: FakeStack, corpus: Path) -> None:
    store(fake)

    async def broken(_: web.Request) -> web.Response:
        return web.json_response({"error": "internal error", "error_id": "abc"}, status=500)

    fake.routes["POST /documents/batch"] = broken
    async with connected(fake.state) as client:
        with pytest.raises(
            LocalError, match=r"aidb answered 500 to POST /documents/batch: internal error \(error id abc\)"
        ):
            await ingest(client, corpus, "default")


async def test_documents_that_are_no_longer_in_the_directory_are_deleted_when_asked(
    fake: FakeStack, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(fake)
    monkeypatch.setattr(ingest_module, "LIST_PAGE", 2)
    stored = [{"id": 1, "path": "00.md"}, {"id": 2, "path": "gone.md"}, {"id": 3, "path": "broken.md"}]

    async def listing(request: web.Request) -> web.Response:
        assert request.query["project"] == "a b"
        after = int(request.query["after"])
        page = [document for document in stored if int(str(document["id"])) > after][:2]
        return web.json_response({"documents": page, "next": page[-1]["id"] if page[-1]["id"] != 3 else None})

    async def delete(_: web.Request) -> web.Response:
        return web.json_response({"status": "deleted", "id": 2})

    fake.routes |= {"GET /documents": listing, "DELETE /documents/2": delete}
    async with connected(fake.state) as client:
        report = await ingest(client, corpus, "a b", delete_missing=True)

    assert report.deleted == 1
    assert [name for name, _ in fake.requests if name.startswith("DELETE")] == ["DELETE /documents/2"]
    assert report.as_dict() | {"seconds": 0} == {
        "found": 41,
        "stored": 40,
        "created": 40,
        "updated": 0,
        "unchanged": 0,
        "deleted": 1,
        "chunks": 120,
        "new_chunks": 120,
        "practices": 0,
        "seconds": 0,
        "skipped": [{"path": "broken.md", "reason": "not UTF-8"}],
    }
