"""Documents that come as PDF: their text is stored, and what is hostile is refused."""

import base64
import io
import json
import zlib
from typing import Any

import pytest

from ai_stack.aidb import pdf
from support.http import Api
from support.pdf import stream, write_pdf

from .conftest import Start
from .test_jobs import finished, import_, items

MANUAL = write_pdf("How the lamp is lit\nTurn the key twice.", "How it is put out\nTurn it back.", title="Lamp manual")


def in_base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def document(raw: bytes, path: str = "manual.pdf", **fields: Any) -> dict[str, Any]:
    return {"path": path, "content": in_base64(raw), "encoding": "base64", **fields}


async def test_the_text_of_a_pdf_is_stored_and_found_by_its_page(aidb: Api) -> None:
    stored = (await aidb("POST", "/documents", json=document(MANUAL))).json

    assert (stored["title"], stored["content_type"], stored["chunks"]) == ("Lamp manual", "application/pdf", 2)
    content = (await aidb("GET", f"/documents/{stored['id']}")).json["content"]
    assert content.split("\f") == ["How the lamp is lit\nTurn the key twice.", "How it is put out\nTurn it back."]
    found = (await aidb("POST", "/search", json={"query": "put out", "limit": 1})).json["results"][0]
    assert (found["path"], found["heading"]) == ("manual.pdf", "Lamp manual > Page 2")
    assert (await aidb("POST", "/documents", json=document(MANUAL))).json["change"] == "unchanged"


async def test_a_pdf_is_stored_by_every_way_that_stores(aidb: Api) -> None:
    batch = (
        await aidb("POST", "/documents/batch", json={"documents": [document(MANUAL), document(b"no", "b.pdf")]})
    ).json
    assert (batch["stored"], batch["results"][1]["error"]) == (1, "content: is not a PDF")

    newer = document(write_pdf("Replaced."))
    del newer["path"]
    number = batch["results"][0]["id"]
    assert (await aidb("PUT", f"/documents/{number}", json=newer)).json["change"] == "updated"

    job = await finished(aidb, await import_(aidb, document(MANUAL, "c.pdf"), document(b"no", "d.pdf")))
    assert (job["created"], job["refused"]) == (1, 1)
    assert (await items(aidb, job["id"]))[1]["error"] == "content: is not a PDF"

    body = {"documents": [document(MANUAL, "e.pdf")], "background": True}
    job = await finished(aidb, (await aidb("POST", "/documents/batch", json=body)).json["id"])
    assert (job["state"], job["created"]) == ("succeeded", 1)


async def test_the_text_of_a_pdf_may_come_as_text(aidb: Api) -> None:
    body = {"path": "a.pdf", "content": "On the first page.\fOn the second page."}

    assert (await aidb("POST", "/documents", json=body)).json["chunks"] == 2
    assert (await aidb("POST", "/search", json={"query": "second"})).json["results"][0]["heading"] == "a.pdf > Page 2"


def encrypted() -> bytes:
    return write_pdf("secret").replace(b"/Root 1 0 R", b"/Root 1 0 R /Encrypt << /Filter /Standard /V 1 /R 2 >>")


def bomb() -> bytes:
    """A page of a few kilobytes that unpacks to a gigabyte."""
    packed = zlib.compress(b"\0" * 2**20 * 30, 9)
    twice = zlib.compress(packed * 40, 9)
    return write_pdf(streams=(stream(twice, b"/Filter [/FlateDecode /FlateDecode]"),))


def nested() -> bytes:
    return write_pdf(streams=(stream(b"[" * 200_000),))


def endless() -> bytes:
    """Pages that are their own parents."""
    return MANUAL.replace(b"/Kids [4 0 R 6 0 R]", b"/Kids [2 0 R 2 0 R]")


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"%PDF-1.7\nnothing\n%%EOF", "the PDF cannot be read"),
        (MANUAL[: len(MANUAL) // 3], None),
        (write_pdf(" "), "the PDF has no text"),
        (encrypted(), None),
        (bomb(), None),
        (nested(), None),
        (endless(), None),
    ],
    ids=["rubbish", "cut off", "without text", "encrypted", "bomb", "nested", "endless"],
)
async def test_a_pdf_that_cannot_be_read_is_refused_and_does_no_harm(aidb: Api, raw: bytes, reason: str | None) -> None:
    answer = await aidb("POST", "/documents", json=document(raw))

    assert answer.status == 422, answer.body
    assert answer.json["error"].startswith("content: the PDF")
    assert reason is None or reason in answer.json["error"]
    assert (await aidb("POST", "/documents", json=document(MANUAL))).status == 200


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        ({"path": "a.pdf", "content": "!", "encoding": "base64"}, 422, "is not base64"),
        ({"path": "a.md", "content": "YQ==", "encoding": "base64"}, 422, "only a PDF is sent in base64"),
        ({"path": "a.pdf", "content": "%PDF-1.4"}, 422, "send a PDF in base64"),
        (document(b"%PDF-" + b"\0" * pdf.MAX_PDF_BYTES), 413, "at most 4194304 bytes"),
    ],
)
async def test_what_is_not_sent_as_it_should_be_is_refused(
    aidb: Api, body: dict[str, Any], status: int, reason: str
) -> None:
    data = io.BytesIO(json.dumps(body).encode())
    answer = await aidb("POST", "/documents", data=data, headers={"Content-Type": "application/json"})

    assert (answer.status, reason in answer.json["error"]) == (status, True), answer.body


async def test_text_that_is_too_long_is_refused(start: Start) -> None:
    async with start(max_document_bytes=100) as aidb:
        answer = await aidb("POST", "/documents", json=document(write_pdf("word " * 30)))

    assert (answer.status, "more than 100 bytes" in answer.json["error"]) == (413, True), answer.body


async def test_credentials_in_a_pdf_are_found(aidb: Api) -> None:
    answer = await aidb("POST", "/documents", json=document(write_pdf("first\nghp_" + "a1B2" * 9)))

    assert (answer.status, "line 2" in answer.json["error"]) == (422, True), answer.body


async def test_a_pdf_that_takes_too_long_is_given_up(aidb: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "TIMEOUT", 0.0)

    answer = await aidb("POST", "/documents", json=document(MANUAL))

    assert (answer.status, "too much time or memory" in answer.json["error"]) == (422, True)
