"""What clients of `/embed` and `/v1` get."""

import asyncio
import base64
from typing import Any

import numpy as np
import pytest

from ai_stack.embeddings.engine import Vectors, unit_length
from ai_stack.embeddings.routes import ROUTES
from support.http import Api
from support.model import MODEL_NAME

from .reference import Reference


def close(vectors: Any, expected: Vectors) -> bool:
    return bool(np.abs(np.array(vectors, dtype=np.float32) - expected).max() < 1e-4)


async def test_one_text_gives_a_list_of_one_vector(embeddings: Api, reference: Reference) -> None:
    answer = await embeddings("POST", "/embed", json={"inputs": reference.texts[0]})
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("application/json")
    assert close(answer.json, unit_length(reference.pooled[:1]))


async def test_every_text_gets_the_vector_of_the_reference(embeddings: Api, reference: Reference) -> None:
    size = 22
    answers = [
        await embeddings("POST", "/embed", json={"inputs": reference.texts[start : start + size]})
        for start in range(0, len(reference.texts), size)
    ]
    assert [answer.status for answer in answers] == [200, 200]
    vectors = [vector for answer in answers for vector in answer.json]
    assert close(vectors, unit_length(reference.pooled))


async def test_concurrent_requests_get_their_own_vectors(embeddings: Api, reference: Reference) -> None:
    count = 36  # the longer ones would only take time
    expected = unit_length(reference.pooled)

    async def ask(number: int) -> bool:
        wanted = [(number + step) % count for step in range(1 + number % 3)]
        answer = await embeddings("POST", "/embed", json={"inputs": [reference.texts[each] for each in wanted]})
        return answer.status == 200 and close(answer.json, expected[wanted])

    assert all(await asyncio.gather(*(ask(number) for number in range(2 * count))))


async def test_vectors_are_not_scaled_on_request(embeddings: Api, reference: Reference) -> None:
    body = {"inputs": reference.texts[:4], "normalize": False}
    assert close((await embeddings("POST", "/embed", json=body)).json, reference.pooled[:4])


async def test_a_text_that_is_too_long_is_refused_on_request(embeddings: Api, reference: Reference) -> None:
    long = reference.texts[reference.truncated.index(True)]
    answer = await embeddings("POST", "/embed", json={"inputs": ["short", long], "truncate": False})
    assert answer.status == 422
    assert answer.json["error"] == "input 1 is longer than the model's 256 tokens"


async def test_openai_clients_get_their_shape_and_true_usage(embeddings: Api, reference: Reference) -> None:
    body = {"input": reference.texts[:5], "model": MODEL_NAME, "user": "someone", "dimensions": 384}
    answer = await embeddings("POST", "/v1/embeddings", json=body)
    assert answer.status == 200
    content = answer.json
    assert content["object"] == "list"
    assert content["model"] == MODEL_NAME
    assert [(item["object"], item["index"]) for item in content["data"]] == [("embedding", i) for i in range(5)]
    assert close([item["embedding"] for item in content["data"]], unit_length(reference.pooled[:5]))
    tokens = sum(reference.tokens[:5])
    assert content["usage"] == {"prompt_tokens": tokens, "total_tokens": tokens, "truncated_texts": 0}


async def test_usage_counts_the_texts_that_were_cut_or_they_are_refused(embeddings: Api, reference: Reference) -> None:
    long = reference.texts[reference.truncated.index(True)]
    answer = await embeddings("POST", "/v1/embeddings", json={"input": ["a", long]})
    assert answer.json["usage"] == {"prompt_tokens": 3 + 256, "total_tokens": 3 + 256, "truncated_texts": 1}
    refused = await embeddings("POST", "/v1/embeddings", json={"input": ["a", long], "truncate": False})
    assert refused.status == 422
    assert refused.json["error"]["message"] == "input 1 is longer than the model's 256 tokens"


@pytest.mark.parametrize(("path", "field"), [("/embed", "inputs"), ("/v1/embeddings", "input")])
async def test_headers_say_where_the_time_went_and_what_was_kept(embeddings: Api, path: str, field: str) -> None:
    first = (await embeddings("POST", path, json={field: ["kept", "word " * 300]})).headers
    parts = [part.split(";dur=") for part in first["Server-Timing"].split(", ")]
    assert [name for name, _ in parts] == ["tokenize", "queue", "infer"]
    assert all(float(milliseconds) > 0 for _, milliseconds in parts)
    assert (first["X-Tokens"], first["X-Truncated-Texts"], first["X-Cached-Texts"]) == ("259", "1", "0")
    again = (await embeddings("POST", path, json={field: ["kept", "new"]})).headers
    assert (again["X-Tokens"], again["X-Truncated-Texts"], again["X-Cached-Texts"]) == ("6", "0", "1")
    kept = (await embeddings("POST", path, json={field: ["kept"]})).headers
    assert kept["Server-Timing"] == "tokenize;dur=0.000, queue;dur=0.000, infer;dur=0.000"


async def test_a_kept_vector_is_the_computed_one_bit_by_bit(embeddings: Api) -> None:
    answers = [await embeddings("POST", "/embed", json={"inputs": "the same"}) for _ in range(2)]
    assert [answer.headers["X-Cached-Texts"] for answer in answers] == ["0", "1"]
    assert answers[0].body == answers[1].body


async def test_base64_holds_the_same_numbers(embeddings: Api, reference: Reference) -> None:
    body = {"input": reference.texts[3], "encoding_format": "base64"}
    (item,) = (await embeddings("POST", "/v1/embeddings", json=body)).json["data"]
    vector = np.frombuffer(base64.b64decode(item["embedding"]), dtype="<f4")
    assert close(vector, unit_length(reference.pooled[3:4])[0])


async def test_the_model_says_who_it_is(embeddings: Api) -> None:
    info = (await embeddings("GET", "/info")).json
    assert info == {
        "model": MODEL_NAME,
        "revision": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "dimensions": 384,
        "pooling": "mean",
        "normalize": True,
        "prompts": [],
        "max_sequence_length": 256,
        "max_batch_size": 32,
        "max_input_characters": 10_000,
        "status": "ready",
    }
    models = (await embeddings("GET", "/v1/models")).json
    assert [(model["id"], model["object"]) for model in models["data"]] == [(MODEL_NAME, "model")]
    assert models["data"][0]["created"] > 0
    health = await embeddings.with_key(None)("GET", "/health")
    assert health.status == 200
    assert (health.json["status"], health.json["ready"], health.json["model"]) == ("ok", True, MODEL_NAME)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "inputs: Field required"),
        ({"inputs": 3}, "inputs"),
        ({"inputs": None}, "inputs"),
        ({"inputs": [1, 2]}, "inputs"),
        ({"inputs": [["a", "b"]]}, "inputs"),
        ({"inputs": []}, "inputs: must hold at least one text"),
        ({"inputs": ""}, "inputs: must not be blank"),
        ({"inputs": ["a", " \n\u00a0"]}, "inputs.1: must not be blank"),
        ({"inputs": "x" * 10_001}, "inputs: 10001 characters, at most 10000 are allowed"),
        ({"inputs": ["x"] * 33}, "inputs: 33 texts, at most 32 are allowed"),
        ({"inputs": "a\0b"}, "NUL"),
        ({"inputs": "a", "normalize": "yes"}, "normalize"),
        ({"inputs": "a", "colour": "red"}, "colour: unknown field"),
        ({"inputs": "a", "prompt_name": "query"}, "prompt_name: this model has no such prompt; it has: none"),
    ],
)
async def test_a_bad_request_gets_400_that_names_the_field(embeddings: Api, body: dict[str, Any], said: str) -> None:
    answer = await embeddings("POST", "/embed", json=body)
    assert answer.status == 400
    assert said in answer.json["error"]
    assert len(answer.json["error_id"]) == 12


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "input: Field required"),
        ({"input": ["a", ""]}, "input.1: must not be blank"),
        ({"input": [[1, 2]]}, "input: numbers of tokens belong to another model's tokenizer: send text (langchain"),
        ({"input": [1, 2]}, "input: numbers of tokens belong to another model's tokenizer: send text (langchain"),
        ({"input": "a", "encoding_format": "int8"}, "encoding_format"),
        ({"input": "a", "dimensions": 256}, "dimensions: this model has 384"),
    ],
)
async def test_openai_clients_get_errors_in_their_shape(embeddings: Api, body: dict[str, Any], said: str) -> None:
    answer = await embeddings("POST", "/v1/embeddings", json=body)
    assert answer.status == 400
    assert said in answer.json["error"]["message"]
    assert answer.json["error"]["type"] == "invalid_request_error"


async def test_similarity_is_the_cosine_of_each_sentence_and_the_source(embeddings: Api, reference: Reference) -> None:
    texts = reference.texts[:6]
    body = {"inputs": {"source_sentence": texts[0], "sentences": texts}}
    answer = await embeddings("POST", "/similarity", json=body)
    assert answer.status == 200
    vectors = unit_length(reference.pooled[:6])
    assert close(answer.json, vectors @ vectors[0])
    assert max(answer.json) <= 1
    assert answer.headers["X-Truncated-Texts"] == "0"
    long = {"inputs": {"source_sentence": "a", "sentences": ["word " * 300]}, "parameters": {"truncate": False}}
    assert (await embeddings("POST", "/similarity", json=long)).status == 422
    many = {"inputs": {"source_sentence": "a", "sentences": ["b"] * 33}}
    refused = await embeddings("POST", "/similarity", json=many)
    assert (refused.status, refused.json["error"]) == (400, "inputs.sentences: 33 texts, at most 32 are allowed")


async def test_a_model_without_a_head_that_ranks_says_so(embeddings: Api) -> None:
    answer = await embeddings("POST", "/rerank", json={"query": "a", "texts": ["b", "c"]})
    assert answer.status == 422
    assert answer.json["error"].startswith(f"{MODEL_NAME} cannot rank")
    assert (await embeddings("POST", "/rerank", json={"query": "a"})).status == 400


async def test_tokens_are_those_that_vectors_are_computed_from(embeddings: Api, reference: Reference) -> None:
    for text, count, cut in zip(reference.texts, reference.tokens, reference.truncated, strict=True):
        (tokens,) = (await embeddings("POST", "/tokenize", json={"inputs": text})).json
        assert len(tokens) > count if cut else len(tokens) == count
        assert [tokens[0]["text"], tokens[-1]["text"]] == ["[CLS]", "[SEP]"]
        for token in tokens[1:-1]:
            assert text[token["start"] : token["stop"]] == token["text"]


async def test_every_route_wants_a_key(embeddings: Api) -> None:
    stranger = embeddings.with_key(None)
    for route in ROUTES:
        answer = await stranger(route.method, route.path, json={} if route.body else None)
        assert answer.status == 401


async def test_metrics_tell_what_the_engine_did(embeddings: Api, reference: Reference) -> None:
    await embeddings("POST", "/embed", json={"inputs": reference.texts[:2]})
    text = (await embeddings("GET", "/metrics")).body.decode()
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert float(values["embeddings_tokens_total"]) == sum(reference.tokens[:2])
    assert float(values["embeddings_model_load_seconds"]) > 0
    assert float(values["embeddings_batch_queue_depth"]) == 0
    assert float(values["embeddings_queue_tokens"]) == 0
    for histogram in ("batch_size", "batch_wait_seconds", "inference_seconds", "tokenize_seconds"):
        assert float(values[f"embeddings_{histogram}_count"]) >= 1
