# ruff: noqa: ASYNC240 - tests may wait for a file
import asyncio
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

from ai_stack.nixos_docs import library
from ai_stack.nixos_docs.builder import build_index
from ai_stack.nixos_docs.inputs import Inputs
from ai_stack.nixos_docs.reader import IndexReader
from ai_stack.nixos_docs.sources import sources_below
from support.fuzz import fuzz
from support.http import Api, Keys

from .conftest import FIREWALL, RunDocs, wait_for


async def ask(client: Api, query: str, **more: Any) -> Any:
    answer = await client("POST", "/search", json={"query": query, **more})
    assert answer.status == 200, answer.body
    return answer.json


async def test_a_question_is_answered_from_the_documents(run_docs: RunDocs) -> None:
    async with run_docs() as client:
        answer = await ask(client, "how can I open a port?", limit=3)
    relevance = answer["results"][0].pop("relevance")
    assert relevance > 0
    assert answer == {
        "query": "how can I open a port?",
        "release": None,
        "total": 1,
        "results": [
            {
                "source": "nixos-modules",
                "path": "nixos-modules/firewall.md",
                "title": "Firewall",
                "heading": "Firewall > Opening ports",
                "content": "Set `networking.firewall.allowedTCPPorts` to open a port.",
                "url": "https://nixos.org/manual/nixos/stable/#sec-ports",
                "metadata": {"anchor": "sec-ports", "line": 5, "truncated": False},
            }
        ],
        "degraded": False,
        "corrections": {},
    }


async def test_a_search_can_be_limited_to_sources(run_docs: RunDocs) -> None:
    async with run_docs() as client:
        answer = await ask(client, "port garbage", sources=["wiki"])
        assert [result["path"] for result in answer["results"]] == ["wiki/garbage.rst"]
        assert len((await ask(client, "port garbage", sources=[]))["results"]) == 2


async def test_no_hits_are_told_apart_from_errors(run_docs: RunDocs) -> None:
    async with run_docs() as client:
        answer = await ask(client, "zzzzqqqq")
        assert (answer["total"], answer["results"]) == (0, [])
        refusal = await client("POST", "/search", json={"query": "port", "sources": ["nowhere"]})
        assert refusal.status == 400
        assert "sources" in refusal.json["error"]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "query"),
        ({"query": ""}, "query"),
        ({"query": "x" * 2001}, "query"),
        ({"query": "x", "limit": 0}, "limit"),
        ({"query": "x", "limit": 101}, "limit"),
        ({"query": "x", "sources": "wiki"}, "sources"),
        ({"query": "x", "source": ["wiki"]}, "source"),
        ({"query": "a\0b"}, "NUL"),
    ],
)
async def test_a_malformed_search_is_refused_by_name(body: dict[str, Any], named: str, run_docs: RunDocs) -> None:
    async with run_docs() as client:
        refusal = await client("POST", "/search", json=body)
    assert refusal.status == 400
    assert named in refusal.json["error"]


async def test_the_sources_are_listed(run_docs: RunDocs) -> None:
    async with run_docs() as client:
        answer = await client("GET", "/sources")
    assert answer.json == {
        "total": 2,
        "sources": [
            {
                "id": "nixos-modules",
                "name": "NixOS modules",
                "type": "manual",
                "web_url": "https://nixos.org/manual/nixos/stable/",
                "files": 1,
                "sections": 2,
            },
            {"id": "wiki", "name": "wiki", "type": "documents", "web_url": None, "files": 1, "sections": 1},
        ],
    }


async def test_the_stats_are_those_of_the_file(run_docs: RunDocs, tmp_path: Path) -> None:
    async with run_docs() as client:
        index = (await client("GET", "/cache/stats")).json["index"]
    assert index["bytes"] == (tmp_path / "index.sqlite").stat().st_size
    assert (index["documents"], index["sections"]) == (2, 3)
    assert index["built_at"].endswith("Z")


async def test_a_sync_takes_over_what_changed(run_docs: RunDocs, docs: Path, keys: Keys) -> None:
    async with run_docs() as client:
        (docs / "wiki" / "wireguard.md").write_text("# Wireguard\n\nA tunnel.\n")
        assert (await ask(client, "wireguard"))["total"] == 0
        answer = await client.with_key(keys.admin)("POST", "/sync")
        assert answer.status == 200
        assert answer.json["status"] == "built"
        assert answer.json["changed"] is True
        assert answer.json["index"]["documents"] == 3
        assert (await ask(client, "wireguard"))["total"] == 1


async def test_only_an_administrator_may_sync(run_docs: RunDocs, keys: Keys) -> None:
    async with run_docs() as client:
        assert (await client("POST", "/sync")).status == 403
        assert (await client.with_key(keys.write)("POST", "/sync")).status == 403
        for method, path in (("POST", "/search"), ("GET", "/sources"), ("GET", "/cache/stats"), ("POST", "/sync")):
            assert (await client.with_key(None)(method, path)).status == 401


async def test_a_sync_that_fails_leaves_the_answers_as_they_were(run_docs: RunDocs, docs: Path, keys: Keys) -> None:
    async with run_docs() as client:
        docs.rename(docs.with_name("away"))
        refusal = await client.with_key(keys.admin)("POST", "/sync")
        assert refusal.status == 422
        assert str(docs) not in refusal.json["error"]
        assert (await ask(client, "port"))["total"] == 1
        assert (await client("GET", "/health/ready")).status == 200


async def test_the_service_is_not_ready_before_its_index_is_built(
    run_docs: RunDocs, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()

    def slow(*args: Any, **kwargs: Any) -> object:
        release.wait(10)
        return build_index(*args, **kwargs)

    monkeypatch.setattr(library, "build_index", slow)
    async with run_docs(ready=False) as client:
        assert (await client("GET", "/health/live")).status == 200
        assert (await client("GET", "/health/startup")).status == 503
        assert (await client("GET", "/health")).json["index"]["loaded"] is False
        for method, path in (("POST", "/search"), ("GET", "/sources"), ("GET", "/cache/stats")):
            body = {"query": "port"} if method == "POST" else None
            assert (await client(method, path, json=body)).status == 503
        assert (await client.with_key(keys.admin)("POST", "/sync")).status == 409
        release.set()
        await wait_for(client, 200)
        assert (await ask(client, "port"))["total"] == 1
        health = await client("GET", "/health")
        assert (health.json["status"], health.json["index"]["sections"]) == ("healthy", 3)


async def test_a_broken_index_is_refused_until_it_is_mended(
    run_docs: RunDocs, docs: Path, keys: Keys, tmp_path: Path
) -> None:
    index = tmp_path / "index.sqlite"
    index.write_bytes(b"broken")
    async with run_docs(ready=False, docs=()) as client:
        await wait_for(client, 503)
        assert (await client("POST", "/search", json={"query": "port"})).status == 503
        ready = await client("GET", "/health/ready")
        assert str(tmp_path) not in ready.body.decode()
        index.unlink()
        (docs / "wiki" / "more.md").write_text(FIREWALL)
        await asyncio.to_thread(lambda: build_index(Inputs(sources_below(docs)), index))
        answer = await client.with_key(keys.admin)("POST", "/sync")
        assert answer.json["status"] == "opened"
        await wait_for(client, 200)
        assert (await ask(client, "port"))["total"] == 2


async def test_an_index_that_can_no_longer_be_read_is_unavailable_and_seen_by_the_probes(
    run_docs: RunDocs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(*args: Any, **kwargs: Any) -> None:
        raise sqlite3.DatabaseError("database disk image is malformed")

    async with run_docs() as client:
        monkeypatch.setattr(IndexReader, "search", damaged)
        monkeypatch.setattr(IndexReader, "probe", damaged)
        refusal = await client("POST", "/search", json={"query": "port"})
        assert refusal.status == 503
        assert "malformed" not in refusal.json["error"]
        ready = await client("GET", "/health/ready")
        assert ready.status == 503
        assert ready.json["details"]["index"]["status"] == "unhealthy"


async def test_a_restart_uses_the_index_that_is_there(run_docs: RunDocs, tmp_path: Path) -> None:
    async with run_docs():
        before = (tmp_path / "index.sqlite").stat()
    async with run_docs() as client:
        assert (await ask(client, "port"))["total"] == 1
    assert (tmp_path / "index.sqlite").stat() == before


async def test_the_index_and_the_searches_are_measured(run_docs: RunDocs) -> None:
    async with run_docs() as client:
        await ask(client, "port")
        text = (await client("GET", "/metrics")).body.decode()
    assert "nixos_docs_index_sections 3" in text
    assert "nixos_docs_index_built_timestamp_seconds 1" in text
    assert 'nixos_docs_search_seconds_count{kind="docs"} 1' in text
    assert 'nixos_docs_requests_total{endpoint="/search",method="POST",status="200"} 1' in text


async def test_no_generated_request_gets_an_undocumented_answer(run_docs: RunDocs, keys: Keys, tmp_path: Path) -> None:
    limits = {"interactive": None, "ingest": None}
    async with run_docs(rate_limits=limits) as client:
        # The protocol has its own rules for what is an error, and 202 without content.
        await fuzz(client.base, keys.admin, directory=tmp_path, exclude=("/mcp",))
