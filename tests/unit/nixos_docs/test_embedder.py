from typing import Any

import numpy as np
import pytest

from ai_stack.nixos_docs.semantic.embedder import Embedder, MalformedAnswer
from ai_stack.service.errors import Unavailable
from support.embeddings import DIMENSIONS, FakeEmbeddings


class Client:
    """`ServiceClient` without a network."""

    def __init__(self, service: FakeEmbeddings) -> None:
        self.service = service
        self.answer: Any = None
        self.calls: list[str] = []

    async def request_json(self, method: str, path: str, *, json: Any = None, **_: Any) -> Any:
        self.calls.append(path)
        if self.service.status != 200:
            raise Unavailable("not now")
        if path == "/info":
            return self.service.info()
        return self.answer if self.answer is not None else self.service.embed(json["inputs"])


@pytest.fixture
def client() -> Client:
    return Client(FakeEmbeddings())


def embedder_of(client: Client, cache_size: int = 2) -> Embedder:
    return Embedder(client, cache_size=cache_size, timeout=1.0)  # type: ignore[arg-type]


async def test_a_question_is_embedded_once(client: Client) -> None:
    embedder = embedder_of(client)
    first = await embedder.embed_question("a b")
    assert np.isclose(np.linalg.norm(first.vector), 1)
    assert (await embedder.embed_question("a b")).vector is first.vector
    assert client.calls == ["/info", "/embed"]
    assert (embedder.hits, embedder.misses, embedder.cached) == (1, 1, 1)


async def test_the_least_recently_asked_question_is_forgotten_first(client: Client) -> None:
    embedder = embedder_of(client)
    for question in ("a", "b", "a", "c", "a"):
        await embedder.embed_question(question)
    assert client.service.texts == ["a", "b", "c"]
    assert embedder.clear() == 2
    await embedder.embed_question("a")
    assert client.service.texts[-1] == "a"


async def test_vectors_of_another_model_are_not_remembered_as_those_of_this_one(client: Client) -> None:
    embedder = embedder_of(client)
    before = await embedder.embed_question("a")
    client.service.revision = "f" * 64
    assert (await embedder.refresh()).identity != before.identity
    assert (await embedder.embed_question("a")).identity.revision == "f" * 64
    assert client.service.texts == ["a", "a"]


async def test_after_a_failure_the_model_is_asked_for_again(client: Client) -> None:
    embedder = embedder_of(client)
    await embedder.embed_question("a")
    client.service.status = 503
    with pytest.raises(Unavailable):
        await embedder.embed_question("b")
    client.service.status = 200
    client.service.revision = "f" * 64
    assert (await embedder.embed_question("b")).identity.revision == "f" * 64


@pytest.mark.parametrize(
    "answer",
    [
        {},
        "text",
        [],
        [[1.0]],
        [[0.0] * DIMENSIONS],
        [[float("nan")] * DIMENSIONS],
        [[float("inf")] * DIMENSIONS],
        [[1.0] * DIMENSIONS] * 2,
        [["x"] * DIMENSIONS],
    ],
)
async def test_an_answer_that_is_no_vector_is_refused(answer: Any, client: Client) -> None:
    client.answer = answer
    with pytest.raises(MalformedAnswer):
        await embedder_of(client).embed_question("a")


async def test_an_answer_that_names_no_model_is_refused(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client.service, "info", lambda: {"model": "x"})
    with pytest.raises(MalformedAnswer):
        await embedder_of(client).refresh()


async def test_long_texts_are_cut_to_what_the_service_takes(client: Client) -> None:
    embedder = embedder_of(client)
    info = await embedder.refresh()
    await embedder.embed_texts(["a" * 20_000], info, timeout=1.0)
    assert client.service.texts == ["a" * 10_000]
