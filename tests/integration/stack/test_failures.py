"""Killed processes: degraded answers, recovery, nothing lost."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator

import pytest

from support.http import Api, api
from support.stack import RunningStack
from support.waiting import PATIENCE, eventually


@pytest.fixture
def embeddings_down(stack: RunningStack) -> Iterator[None]:
    """Kill the embeddings process, and keep the supervisor from restarting it until the test says so."""
    supervisor = stack.pid("supervisor")
    os.kill(supervisor, signal.SIGSTOP)
    try:
        os.kill(stack.pid("embeddings"), signal.SIGKILL)
        yield
    finally:
        os.kill(supervisor, signal.SIGCONT)


async def until_ready(call: Api, seconds: float = PATIENCE) -> None:
    async with asyncio.timeout(seconds):
        while True:
            try:
                if (await call("GET", "/health/ready")).status == 200:
                    return
            except OSError:
                pass
            await asyncio.sleep(0.05)


async def test_without_embeddings_keyword_search_answers_and_nothing_is_lost(
    stack: RunningStack, embeddings_down: None
) -> None:
    services = stack.services
    async with (
        api(services["hybrid-coordinator"], stack.key) as hybrid,
        api(services["aidb"], stack.key) as aidb,
        api(services["embeddings"], stack.key) as embeddings,
    ):
        for number in range(8):
            # Questions that differ, so that no vector of an earlier one serves.
            answer = await hybrid("POST", "/augment_query", json={"query": f"lighthouse keeper {number}"})
            assert answer.status == 200, answer.body
            assert answer.json["degraded"] is True
            assert "embeddings" in answer.json["degraded_services"]
            assert "Marta Oyelaran" in answer.json["augmented_prompt"]
        health = (await hybrid("GET", "/health")).json
        assert health["circuit_breakers"]["embeddings"] == "open"
        metrics = (await hybrid("GET", "/metrics")).body.decode()
        assert 'hybrid_circuit_breaker_state{service="embeddings"} 2' in metrics

        stored = await aidb(
            "POST",
            "/documents",
            json={"path": "ferry.md", "content": "# Ferry\n\nThe ferryman Tobias Quist crosses the sound at noon.\n"},
        )
        assert stored.status in (200, 201, 202), stored.body
        assert stored.json["embedded"] is False

        os.kill(stack.pid("supervisor"), signal.SIGCONT)
        await until_ready(embeddings)

        async def whole_again() -> bool:
            question = f"Who steers the boat over the water? {time.monotonic()}"
            answer = await hybrid("POST", "/augment_query", json={"query": question})
            assert answer.status == 200
            return answer.json["degraded"] is False

        await eventually(whole_again)

        # aidb has a breaker of its own, and embeds what it accepted meanwhile.
        async def found_by_meaning() -> bool:
            found = await aidb("POST", "/vector/search", json={"query": "captain of a passenger boat", "limit": 1})
            assert found.status in (200, 503), found.body
            return found.status == 200 and any("Tobias Quist" in hit["content"] for hit in found.json["results"])

        await eventually(found_by_meaning)


@pytest.mark.parametrize("name", ["aidb", "nixos-docs", "hybrid-coordinator", "valkey", "postgres"])
async def test_a_killed_process_is_back_and_the_documents_too(stack: RunningStack, name: str) -> None:
    async with api(stack.services["aidb"], stack.key) as aidb:
        content = f"# {name}\n\nThis page was acknowledged before {name} was killed.\n"
        stored = await aidb("POST", "/documents", json={"path": f"killed/{name}.md", "content": content})
        assert stored.status in (200, 201)
        document_id = stored.json["id"]
        before = stack.record["children"][name]["restarts"]
        os.kill(stack.pid(name), signal.SIGKILL)
        async with asyncio.timeout(PATIENCE):
            while not ((child := stack.record["children"][name])["restarts"] > before and child["state"] == "ready"):
                await asyncio.sleep(0.05)
        for url in stack.services.values():
            async with api(url, stack.key) as call:
                await until_ready(call)
        async with asyncio.timeout(PATIENCE):
            while (found := await aidb("GET", f"/documents/{document_id}")).status != 200:
                assert found.status in (503, 504), found.body
                await asyncio.sleep(0.1)
        assert found.json["content"] == content
