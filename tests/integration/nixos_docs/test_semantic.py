# ruff: noqa: ASYNC240 - tests may wait for a file
import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web
from pydantic import SecretStr

from ai_stack.nixos_docs.semantic import keeper
from ai_stack.nixos_docs.semantic.words import MIN_OPTIONS
from support.embeddings import FakeEmbeddings
from support.http import Api, Keys
from support.waiting import PATIENCE

from .conftest import RunDocs


@pytest.fixture
async def embeddings() -> AsyncIterator[tuple[FakeEmbeddings, str]]:
    """A fake embeddings service, and where it listens."""
    fake = FakeEmbeddings(synonyms={"hole": "port", "punch": "open", "trash": "garbage"})
    runner = web.AppRunner(fake.application())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield fake, f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def vectors(client: Api, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Return what `/health` says of the vectors as soon as it holds."""
    async with asyncio.timeout(PATIENCE):
        while True:
            state: dict[str, Any] = (await client("GET", "/health")).json["vectors"]
            if holds(state):
                return state
            await asyncio.sleep(0.02)


def ready(state: dict[str, Any]) -> bool:
    return bool(state["status"] == "ready")


async def search(client: Api, query: str, path: str = "/search") -> Any:
    answer = await client("POST", path, json={"query": query})
    assert answer.status == 200, answer.body
    return answer.json


async def test_sections_and_options_are_found_by_meaning(
    run_docs: RunDocs, embeddings: tuple[FakeEmbeddings, str], options: Path
) -> None:
    _, url = embeddings
    async with run_docs(embeddings_url=url, options=options, upstream_api_key=SecretStr("k")) as client:
        await vectors(client, ready)
        answer = await search(client, "punch a hole")
        assert answer["degraded"] is False
        assert answer["results"][0]["heading"] == "Firewall > Opening ports"
        answer = await search(client, "punch hole", "/options/search")
        assert answer["options"][0]["name"] == "networking.firewall.openPort"
    assert embeddings[0].keys == {"k"}


async def test_what_means_something_else_is_no_hit(run_docs: RunDocs, embeddings: tuple[FakeEmbeddings, str]) -> None:
    async with run_docs(embeddings_url=embeddings[1]) as client:
        await vectors(client, ready)
        assert (await search(client, "zzzzqqqq"))["results"] == []


async def test_sources_restrict_the_search_by_meaning(
    run_docs: RunDocs, embeddings: tuple[FakeEmbeddings, str]
) -> None:
    async with run_docs(embeddings_url=embeddings[1]) as client:
        await vectors(client, ready)
        answer = await client("POST", "/search", json={"query": "trash collector", "sources": ["nixos-modules"]})
        assert {result["source"] for result in answer.json["results"]} <= {"nixos-modules"}
        answer = await client("POST", "/search", json={"query": "trash collector", "sources": ["wiki"]})
        assert answer.json["results"][0]["path"] == "wiki/garbage.rst"


async def test_with_the_embeddings_service_down_words_still_find(
    run_docs: RunDocs, embeddings: tuple[FakeEmbeddings, str]
) -> None:
    fake, url = embeddings
    async with run_docs(embeddings_url=url) as client:
        await vectors(client, ready)
        fake.status = 503
        answer = await search(client, "open a port")
        assert answer["degraded"] is True
        assert answer["results"][0]["heading"] == "Firewall > Opening ports"
        assert (await client("GET", "/health/ready")).json["status"] == "degraded"
        # A degraded answer is not remembered.
        fake.status = 200
        async with asyncio.timeout(PATIENCE):
            while (await search(client, "open a port"))["degraded"]:
                await asyncio.sleep(0.05)
        metrics = (await client("GET", "/metrics")).body.decode()
        assert 'nixos_docs_degraded_searches_total{kind="docs"}' in metrics


async def test_before_the_vectors_are_there_answers_are_degraded_and_say_why(
    run_docs: RunDocs, embeddings: tuple[FakeEmbeddings, str], keys: Keys
) -> None:
    fake, url = embeddings
    fake.status = 503
    async with run_docs(embeddings_url=url) as client:
        state = await vectors(client, lambda state: state["status"] == "missing")
        assert "embeddings" in state["problem"]
        assert (await search(client, "open a port"))["degraded"] is True
        fake.status = 200
        await vectors(client, ready)
        assert (await search(client, "open a port"))["degraded"] is False
        stats = (await client("GET", "/cache/stats")).json
        assert stats["vectors"]["status"] == "ready"
        assert stats["vectors"]["model"].startswith("words ")


async def test_vectors_are_computed_once_and_kept(
    run_docs: RunDocs, embeddings: tuple[FakeEmbeddings, str], docs: Path, keys: Keys
) -> None:
    fake, url = embeddings
    async with run_docs(embeddings_url=url) as client:
        await vectors(client, ready)
    first = len(fake.texts)
    assert first == 3
    async with run_docs(embeddings_url=url) as client:
        await vectors(client, ready)
        assert len(fake.texts) == first
        # Of a renewed index only what is new is computed.
        (docs / "wiki" / "new.md").write_text("# Wireguard\n\nA tunnel.\n")
        assert (await client.with_key(keys.admin)("POST", "/sync")).json["changed"] is True
        await vectors(client, ready)
        assert (await search(client, "tunnel"))["degraded"] is False
        assert len([text for text in fake.texts if text != "tunnel"]) == first + 1


async def test_when_the_model_changes_both_are_named_and_the_vectors_are_made_anew(
    run_docs: RunDocs, embeddings: tuple[FakeEmbeddings, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake, url = embeddings
    monkeypatch.setattr(keeper, "CHECK_EVERY", 0.05)
    async with run_docs(embeddings_url=url) as client:
        before = await vectors(client, ready)
        await search(client, "open a port")
        fake.revision = "f" * 64
        after = await vectors(client, lambda state: ready(state) and state["model"] != before["model"])
        assert "ffffffffffff" in after["model"]
        assert (await search(client, "punch a hole"))["degraded"] is False
    assert [path.name for path in tmp_path.glob("vectors-*.sqlite")] == ["vectors-ffffffffffffffff.sqlite"]


async def test_a_directory_that_cannot_be_written_degrades_and_says_so(
    run_docs: RunDocs, embeddings: tuple[FakeEmbeddings, str], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    async with run_docs(embeddings_url=embeddings[1], vectors=tmp_path / "file") as client:
        state = await vectors(client, lambda state: state["status"] == "missing")
        assert state["problem"]
        assert (await search(client, "open a port"))["degraded"] is True


async def test_without_an_embeddings_service_nothing_is_degraded(run_docs: RunDocs) -> None:
    async with run_docs() as client:
        assert (await search(client, "open a port"))["degraded"] is False
        assert (await client("GET", "/health")).json["vectors"]["status"] == "off"


def many_options(path: Path) -> Path:
    """More options than word vectors need to be learned from."""
    names = {f"services.name{number}.port": number for number in range(MIN_OPTIONS)}
    options = {name: {"type": "port", "description": f"Port of number {number}."} for name, number in names.items()}
    path.write_bytes(orjson.dumps(options))
    return path


def words_learned(state: dict[str, Any]) -> bool:
    return bool(state["words"])


async def test_under_load_the_words_of_a_question_do_instead_of_the_model(
    run_docs: RunDocs, embeddings: tuple[FakeEmbeddings, str], tmp_path: Path
) -> None:
    fake, url = embeddings
    path = many_options(tmp_path / "many.json")
    async with run_docs(embeddings_url=url, options=path) as client:
        await vectors(client, words_learned)
        asked = [f"port of name{number}" for number in range(20)]
        answers = await asyncio.gather(*(search(client, query, "/options/search") for query in asked))
        for number, answer in enumerate(answers):
            assert answer["options"][0]["name"] == f"services.name{number}.port"
        # Only the first ones, before which none was under way, were worth a run of the model.
        assert len([text for text in fake.texts if text in asked]) < len(asked)
        metrics = (await client("GET", "/metrics")).body.decode()
        assert 'nixos_docs_quick_searches_total{kind="options"}' in metrics


async def test_options_are_still_found_with_word_vectors_and_the_embeddings_service_down(
    run_docs: RunDocs, embeddings: tuple[FakeEmbeddings, str], tmp_path: Path
) -> None:
    fake, url = embeddings
    path = many_options(tmp_path / "many.json")
    async with run_docs(embeddings_url=url, options=path) as client:
        await vectors(client, words_learned)
        fake.status = 503
        answer = await search(client, "name7 port", "/options/search")
        assert answer["degraded"] is True
        assert answer["options"][0]["name"] == "services.name7.port"
