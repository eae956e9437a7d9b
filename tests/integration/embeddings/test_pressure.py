"""Loading, overload, deadlines and callers that leave."""

import asyncio
import string
import threading
from collections.abc import Iterator, Sequence

import pytest

from ai_stack.embeddings import loader
from ai_stack.embeddings.engine import OnnxEngine, TokenIds, Vectors
from support.http import Api, Keys
from support.waiting import PATIENCE, until

from .conftest import MakeSettings, serving


class Gate:
    """Holds every call of the engine until it is opened, and counts texts."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.opened.set()
        self.texts = 0

    def embed(self, engine: OnnxEngine, texts: Sequence[TokenIds]) -> Vectors:
        self.texts += len(texts)
        assert self.opened.wait(PATIENCE)
        return _embed(engine, texts)


_embed = OnnxEngine.embed


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    held = Gate()

    def embed(engine: OnnxEngine, texts: Sequence[TokenIds]) -> Vectors:
        return held.embed(engine, texts)

    monkeypatch.setattr(OnnxEngine, "embed", embed)
    yield held
    held.opened.set()


async def queue_tokens(api: Api) -> float:
    text = (await api("GET", "/metrics")).body.decode()
    (line,) = [line for line in text.splitlines() if line.startswith("embeddings_queue_tokens ")]
    return float(line.rsplit(" ", 1)[1])


def distinct(text: str, count: int) -> list[str]:
    """Texts of equal length; equal texts would be computed once."""
    return [f"{text} {letter}" for letter in string.ascii_letters[:count]]


async def test_until_the_model_is_loaded_everything_but_health_is_503(
    make_settings: MakeSettings, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()
    load = loader.load_model

    def late(settings: object) -> object:
        assert go.wait(PATIENCE)
        return load(settings)  # type: ignore[arg-type]

    monkeypatch.setattr(loader, "load_model", late)
    settings = await asyncio.to_thread(make_settings)
    async with serving(settings, keys.read, loaded=False) as api:
        refused = await api("POST", "/embed", json={"inputs": "a"})
        assert (refused.status, refused.headers["Retry-After"]) == (503, "2")
        assert refused.json["error"] == "the model is loading"
        openai = await api("POST", "/v1/embeddings", json={"input": "a"})
        assert (openai.status, openai.json["error"]["type"]) == (503, "service_unavailable")
        assert (await api("GET", "/info")).status == 503
        health = await api("GET", "/health")
        assert (health.status, health.json["status"], health.json["ready"]) == (503, "loading", False)
        assert (await api("GET", "/health/ready")).status == 503
        assert (await api("GET", "/health/startup")).status == 503
        assert (await api("GET", "/health/live")).status == 200
        go.set()
        async with asyncio.timeout(PATIENCE):
            while (await api("GET", "/health/ready")).status != 200:
                await asyncio.sleep(0.02)
        assert (await api("POST", "/embed", json={"inputs": "a"})).status == 200


async def test_a_full_queue_answers_429_with_a_time_to_come_back(
    make_settings: MakeSettings, keys: Keys, gate: Gate
) -> None:
    settings = await asyncio.to_thread(make_settings, max_queue_tokens=10)
    async with serving(settings, keys.read) as api:
        gate.opened.clear()
        first = asyncio.create_task(api("POST", "/embed", json={"inputs": "one two three four five six"}))
        already = gate.texts
        await until(lambda: gate.texts > already)
        refused = await api("POST", "/embed", json={"inputs": "six five four three two one"})
        assert refused.status == 429
        assert int(refused.headers["Retry-After"]) >= 1
        gate.opened.set()
        assert (await first).status == 200
        assert (await api("POST", "/embed", json={"inputs": "one two three four five six"})).status == 200


async def test_a_request_past_its_deadline_is_504_and_its_rest_is_not_computed(
    make_settings: MakeSettings, keys: Keys, gate: Gate
) -> None:
    settings = await asyncio.to_thread(make_settings, request_timeout=0.3, workers=1, batch_tokens=8)
    async with serving(settings, keys.read) as api:
        gate.opened.clear()
        before = gate.texts
        answer = await api("POST", "/embed", json={"inputs": distinct("one two", 20)})
        assert answer.status == 504
        assert await queue_tokens(api) == 0
        gate.opened.set()
        assert (await api("POST", "/embed", json={"inputs": "next"})).status == 200
        assert gate.texts - before <= 3


async def test_work_of_a_client_that_left_is_dropped(make_settings: MakeSettings, keys: Keys, gate: Gate) -> None:
    settings = await asyncio.to_thread(make_settings, workers=1, batch_tokens=8)
    async with serving(settings, keys.read) as api:
        gate.opened.clear()
        before = gate.texts
        leaving = asyncio.create_task(api("POST", "/embed", json={"inputs": distinct("one two", 20)}))
        await until(lambda: gate.texts > before)
        leaving.cancel()
        async with asyncio.timeout(PATIENCE):
            while await queue_tokens(api) > 0:
                await asyncio.sleep(0.01)
        gate.opened.set()
        assert (await api("POST", "/embed", json={"inputs": "next"})).status == 200
        assert gate.texts - before <= 3


async def test_a_bulk_request_does_not_hold_up_a_single_text(
    make_settings: MakeSettings, keys: Keys, gate: Gate
) -> None:
    settings = await asyncio.to_thread(make_settings, workers=1)
    async with serving(settings, keys.read) as api:
        gate.opened.clear()
        before = gate.texts
        bulk = asyncio.create_task(
            api("POST", "/embed", json={"inputs": distinct("lorem ipsum dolor sit amet " * 20, 32)})
        )
        await until(lambda: gate.texts > before)
        single = asyncio.create_task(api.with_key(keys.write)("POST", "/embed", json={"inputs": "short"}))
        async with asyncio.timeout(PATIENCE):
            while (await api("GET", "/metrics")).body.count(b"embeddings_tokenize_seconds_count 2") == 0:
                await asyncio.sleep(0.01)
        gate.opened.set()
        done, _ = await asyncio.wait([bulk, single], return_when=asyncio.FIRST_COMPLETED)
        assert done == {single}
        assert (await bulk).status == 200
        assert single.result().status == 200
