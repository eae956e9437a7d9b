"""Vectors of questions: identity, cache, refusal of what cannot be compared."""

from typing import Any, cast

import pytest

from ai_stack.hybrid_coordinator.embedder import Embedder, MalformedAnswer
from ai_stack.service.client import ServiceClient
from ai_stack.service.errors import Unavailable
from ai_stack.service.metrics import ServiceMetrics


class FakeClient:
    """The embeddings service, scripted."""

    name = "embeddings"

    def __init__(self) -> None:
        self.info: Any = {"model": "m", "revision": "r1", "dimensions": 2, "status": "ready"}
        self.vectors: Any = [[0.6, 0.8]]
        self.down = False
        self.calls: list[str] = []

    async def request_json(self, method: str, path: str, **_: Any) -> Any:
        self.calls.append(path)
        if self.down:
            raise Unavailable("embeddings is unavailable")
        return self.info if path == "/info" else self.vectors


def embedder(client: FakeClient, *, cache_size: int = 10) -> Embedder:
    metrics = ServiceMetrics(prefix="hybrid", http_prefix="hybrid", service="hybrid-coordinator", version="1")
    return Embedder(cast(ServiceClient, client), cache_size=cache_size, metrics=metrics)


async def test_the_model_is_asked_for_before_the_first_vector_only() -> None:
    client = FakeClient()
    tested = embedder(client)
    first = await tested.embed("one")
    await tested.embed("two")
    assert client.calls == ["/info", "/embed", "/embed"]
    assert first.vector.tolist() == pytest.approx([0.6, 0.8])
    assert str(first.identity) == "m (revision r1, 2 dimensions)"


async def test_a_known_text_costs_no_call_and_the_longest_unused_is_forgotten() -> None:
    client = FakeClient()
    tested = embedder(client, cache_size=2)
    for text in ("one", "two", "one", "three", "one", "two"):
        await tested.embed(text)
    assert client.calls.count("/embed") == 4


async def test_nothing_is_kept_when_the_cache_has_no_room() -> None:
    client = FakeClient()
    tested = embedder(client, cache_size=0)
    await tested.embed("one")
    await tested.embed("one")
    assert client.calls.count("/embed") == 2


async def test_a_known_text_is_answered_while_the_service_is_down() -> None:
    client = FakeClient()
    tested = embedder(client)
    await tested.embed("one")
    client.down = True
    await tested.embed("one")
    with pytest.raises(Unavailable):
        await tested.embed("two")


async def test_the_model_is_asked_for_again_after_a_failure_and_old_vectors_are_not_used_for_a_new_one() -> None:
    client = FakeClient()
    tested = embedder(client)
    await tested.embed("one")
    client.down = True
    with pytest.raises(Unavailable):
        await tested.embed("two")
    client.down = False
    client.info = {**client.info, "revision": "r2"}
    assert (await tested.embed("two")).identity.revision == "r2"
    assert (await tested.embed("one")).identity.revision == "r2"
    assert client.calls == ["/info", "/embed", "/embed", "/info", "/embed", "/embed"]


@pytest.mark.parametrize(
    "vectors",
    [
        [],
        [[]],
        [[1.0]],
        [[0.0, 0.0]],
        [[1.0, 0.0], [1.0, 0.0]],
        [["a", "b"]],
        {"error": "x"},
        None,
        [[float("inf"), 1.0]],
    ],
)
async def test_an_answer_that_is_no_vector_of_the_model_is_refused(vectors: Any) -> None:
    client = FakeClient()
    client.vectors = vectors
    with pytest.raises(MalformedAnswer):
        await embedder(client).embed("one")


@pytest.mark.parametrize(
    "info", [None, {}, {"model": "m", "revision": "", "dimensions": 2}, {"model": "m", "dimensions": 2}]
)
async def test_a_model_without_identity_is_refused(info: Any) -> None:
    client = FakeClient()
    client.info = info
    with pytest.raises(MalformedAnswer):
        await embedder(client).embed("one")
    assert client.calls == ["/info"]
