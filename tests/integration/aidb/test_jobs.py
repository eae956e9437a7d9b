"""Imports as jobs: received, stored, watched, paused, cancelled, tried again."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from ai_stack.local.postgres import ConnectionParameters
from support.http import Api
from support.waiting import eventually

from .conftest import Start
from .test_documents import put, rows

NDJSON = {"Content-Type": "application/x-ndjson"}


def page(number: int, **fields: Any) -> dict[str, Any]:
    return {"path": f"{number}.md", "content": f"# Page {number}\n\nwords\n", **fields}


def body(*lines: dict[str, Any] | str) -> bytes:
    return "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines).encode()


async def import_(aidb: Api, *lines: dict[str, Any] | str) -> int:
    answer = await aidb("POST", "/documents/import", data=body(*lines), headers=NDJSON)
    assert answer.status == 202, answer.body
    return int(answer.json["id"])


async def finished(aidb: Api, job_id: int) -> Any:
    async def done() -> bool:
        return (await aidb("GET", f"/jobs/{job_id}")).json["state"] in ("succeeded", "failed", "cancelled")

    await eventually(done)
    return (await aidb("GET", f"/jobs/{job_id}")).json


async def items(aidb: Api, job_id: int, query: str = "") -> list[Any]:
    answer = await aidb("GET", f"/jobs/{job_id}/items{query}")
    assert answer.status == 200, answer.body
    return list(answer.json["items"])


async def test_an_import_stores_every_line_and_says_what_became_of_each(aidb: Api) -> None:
    await put(aidb, "1.md", "# Page 1\n\nwords\n")
    await put(aidb, "2.md", "# Page 2\n\nother words\n")

    job = await finished(aidb, await import_(aidb, *(page(number) for number in range(1, 101))))

    assert (job["state"], job["total"], job["done"]) == ("succeeded", 100, 100)
    assert (job["created"], job["updated"], job["unchanged"], job["refused"]) == (98, 1, 1, 0)
    first = (await items(aidb, job["id"], "?limit=2"))[0]
    assert (first["line"], first["path"], first["change"], first["chunks"]) == (1, "1.md", "unchanged", 1)
    assert (await aidb("GET", f"/documents/{first['document_id']}")).json["path"] == "1.md"

    async def embedded() -> bool:
        return bool((await aidb("GET", f"/jobs/{job['id']}")).json["chunks_pending"] == 0)

    await eventually(embedded)


async def test_lines_that_are_no_documents_are_named_and_the_others_are_stored(aidb: Api) -> None:
    key = "AKIA" + "IOSFODNN7EXAMPLE"
    lines: list[dict[str, Any] | str] = [
        "{",
        page(1),
        '"text"',
        page(2, colour="red"),
        "",
        page(3, content="   "),
        page(4),
        page(4),
    ]
    job = await finished(aidb, await import_(aidb, *lines, page(5, content=f"one\ntwo {key}\n")))

    assert (job["state"], job["created"], job["refused"]) == ("failed", 2, 6)
    refused = {item["line"]: item["error"] for item in await items(aidb, job["id"], "?state=refused")}
    assert refused[1] == "the line is not valid JSON"
    assert refused[4] == "colour: unknown field"
    assert refused[6] == "content: must not be blank"
    assert refused[8] == "an earlier line has the same project and path"
    assert refused[9].startswith("content: line 2 seems to hold an AWS access key")
    assert key not in json.dumps(refused)
    assert 3 in refused


async def test_results_come_in_pages(aidb: Api) -> None:
    job = await finished(aidb, await import_(aidb, *(page(number) for number in range(5))))
    seen: list[int] = []
    after: int | None = 0
    while after is not None:
        answer = (await aidb("GET", f"/jobs/{job['id']}/items?limit=2&after={after}")).json
        seen += [item["line"] for item in answer["items"]]
        after = answer["next"]
    assert seen == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("content_type", "data", "status"),
    [("application/json", b"{}\n", 415), ("application/x-ndjson", b"", 422), ("application/x-ndjson", b"\n \n", 422)],
)
async def test_what_is_no_import_leaves_no_job(aidb: Api, content_type: str, data: bytes, status: int) -> None:
    answer = await aidb("POST", "/documents/import", data=data, headers={"Content-Type": content_type})

    assert answer.status == status
    assert (await aidb("GET", "/jobs")).json == {"jobs": [], "next": None}


async def test_an_import_that_is_too_large_leaves_no_job(start: Start, store: ConnectionParameters) -> None:
    async with start(max_import_bytes=10_000, max_document_bytes=100) as aidb:
        answer = await aidb("POST", "/documents/import", data=body(*(page(n) for n in range(500))), headers=NDJSON)
        assert answer.status == 413
    assert await asyncio.to_thread(rows, store, "SELECT count(*) FROM jobs") == [(0,)]


async def test_a_sender_who_goes_away_leaves_no_job(start: Start, store: ConnectionParameters) -> None:
    async with start() as aidb:
        address, port = aidb.base.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(address, int(port))
        key = aidb._key
        writer.write(
            f"POST /documents/import HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\nContent-Length: 100000\r\n"
            "Content-Type: application/x-ndjson\r\n\r\n".encode()
            + body(page(1))
        )
        await writer.drain()

        async def jobs(number: int) -> bool:
            return await asyncio.to_thread(rows, store, "SELECT count(*) FROM jobs") == [(number,)]

        await eventually(lambda: jobs(1))
        writer.close()
        await eventually(lambda: jobs(0))


async def test_a_watcher_sees_the_job_to_its_end(aidb: Api, keys: Any) -> None:
    job_id = await import_(aidb, *(page(number) for number in range(40)))

    headers = {"X-API-Key": keys.read}
    async with (
        aiohttp.ClientSession() as session,
        session.get(aidb.base + f"/jobs/{job_id}/events", headers=headers) as r,
    ):
        assert r.content_type == "text/event-stream"
        text = await r.text()
    events = [
        json.loads(event.split("data: ")[1]) for event in text.split("\n\n") if event.startswith("event: progress")
    ]
    assert events[-1]["state"] == "succeeded"
    assert [event["done"] for event in events] == sorted(event["done"] for event in events)
    assert events[-1]["done"] == 40


async def test_a_paused_job_waits_and_goes_on(aidb: Api) -> None:
    job_id = await import_(aidb, *(page(number) for number in range(300)))
    paused = await aidb("POST", f"/jobs/{job_id}/pause")
    if paused.status == 200:
        assert paused.json["state"] == "paused"
        resumed = await aidb("POST", f"/jobs/{job_id}/resume")
        assert resumed.json["state"] in ("running", "succeeded")
    job = await finished(aidb, job_id)
    assert (job["state"], job["created"]) == ("succeeded", 300)


async def test_a_cancelled_job_keeps_what_it_stored_and_can_be_tried_again(
    start: Start, store: ConnectionParameters
) -> None:
    async with start() as aidb:
        job_id = await import_(aidb, *(page(number) for number in range(300)))
        cancelled = await aidb("POST", f"/jobs/{job_id}/cancel")
        assert cancelled.json["state"] == "cancelled"

        tried = await aidb("POST", f"/jobs/{job_id}/retry", json={"reason": "cancelled by mistake"})
        assert tried.json["note"] == "cancelled by mistake"
        assert tried.json["attempts"] == 2
        job = await finished(aidb, job_id)
        assert (job["state"], job["done"]) == ("succeeded", 300)
        assert await asyncio.to_thread(rows, store, "SELECT count(*) FROM documents") == [(300,)]
        assert (await aidb("POST", f"/jobs/{job_id}/retry", json={"reason": "again"})).status == 409
        assert (await aidb("POST", f"/jobs/{job_id}/cancel")).status == 409


async def test_refused_lines_are_stored_once_the_reason_is_gone(start: Start) -> None:
    async with start(max_document_bytes=20) as aidb:
        job = await finished(aidb, await import_(aidb, page(1, content="short"), page(2, content="longer " * 10)))
        assert (job["state"], job["refused"], job["done"]) == ("failed", 1, 2)
    async with start() as aidb:
        await aidb("POST", f"/jobs/{job['id']}/retry", json={"reason": "the limit is larger"})
        job = await finished(aidb, job["id"])
        assert (job["state"], job["created"], job["refused"], job["done"]) == ("succeeded", 2, 0, 2)


async def test_of_two_imports_of_one_document_the_later_wins(aidb: Api) -> None:
    first = await import_(aidb, *(page(number) for number in range(60)))
    second = await import_(aidb, page(59, content="# The last word\n"))

    await finished(aidb, first)
    job = await finished(aidb, second)
    document_id = (await items(aidb, job["id"]))[0]["document_id"]
    assert (await aidb("GET", f"/documents/{document_id}")).json["content"] == "# The last word\n"


async def test_a_line_that_postgresql_refuses_does_not_keep_its_neighbours_out(
    start: Start, store: ConnectionParameters
) -> None:
    async with start() as aidb:
        await asyncio.to_thread(
            rows, store, "ALTER TABLE documents ADD CONSTRAINT odd CHECK (path <> '3.md'); COMMIT; SELECT 1"
        )
        job = await finished(aidb, await import_(aidb, *(page(number) for number in range(8))))

        assert (job["state"], job["created"], job["refused"]) == ("failed", 7, 1)
        assert await items(aidb, job["id"], "?state=refused") == [
            {
                "line": 4,
                "state": "refused",
                "project": "default",
                "path": "3.md",
                "document_id": None,
                "change": None,
                "chunks": None,
                "error": "PostgreSQL cannot store it (CheckViolation)",
            }
        ]


async def test_a_batch_can_be_a_job(aidb: Api) -> None:
    answer = await aidb("POST", "/documents/batch", json={"background": True, "documents": [page(1), page(2)]})

    assert answer.status == 202
    job = await finished(aidb, answer.json["id"])
    assert (job["kind"], job["state"], job["created"]) == ("import", "succeeded", 2)


async def test_jobs_are_listed_newest_first_in_pages(aidb: Api) -> None:
    ids = [await import_(aidb, page(number)) for number in range(3)]
    for job_id in ids:
        await finished(aidb, job_id)

    first = (await aidb("GET", "/jobs?limit=2")).json
    second = (await aidb("GET", f"/jobs?limit=2&before={first['next']}")).json
    assert [job["id"] for job in first["jobs"] + second["jobs"]] == ids[::-1]
    assert second["next"] is None
    assert (await aidb("GET", "/jobs?state=cancelled")).json["jobs"] == []
    assert (await aidb("GET", "/jobs/999999")).status == 404
    assert (await aidb("GET", "/jobs/999999/items")).status == 404


async def test_old_jobs_and_those_without_a_sender_are_deleted(start: Start, store: ConnectionParameters) -> None:
    async with start() as aidb:
        kept = await import_(aidb, page(1))
        old = await import_(aidb, page(2))
        await finished(aidb, kept)
        await finished(aidb, old)
    statement = (
        f"UPDATE jobs SET finished_at = now() - interval '8 days' WHERE id = {old};"
        "INSERT INTO jobs (kind, state, updated_at) VALUES ('import', 'receiving', now() - interval '16 minutes');"
        "COMMIT; SELECT 1"
    )
    await asyncio.to_thread(rows, store, statement)
    async with start():

        async def cleaned() -> bool:
            return await asyncio.to_thread(rows, store, "SELECT id FROM jobs") == [(kept,)]

        await eventually(cleaned)
    assert await asyncio.to_thread(rows, store, "SELECT DISTINCT job_id FROM job_items") == [(kept,)]


async def test_readers_cannot_change_jobs(aidb: Api, keys: Any) -> None:
    job_id = await import_(aidb, page(1))
    reader = aidb.with_key(keys.read)

    assert (await reader("GET", f"/jobs/{job_id}")).status == 200
    assert (await reader("POST", f"/jobs/{job_id}/cancel")).status == 403
    assert (await reader("POST", "/documents/import", data=body(page(2)), headers=NDJSON)).status == 403
