"""`/v1` as clients of OpenAI's API call it: the official library, and the bodies that other libraries send."""

import base64
from typing import Any

import numpy as np
import openai
import pytest

from ai_stack.embeddings.engine import unit_length
from support.http import Api, Keys
from support.model import MODEL_NAME

from .reference import Reference


@pytest.fixture
def client(embeddings: Api, keys: Keys) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{embeddings.base}/v1", api_key=keys.read, max_retries=0)


@pytest.mark.parametrize("options", [{}, {"encoding_format": "base64"}, {"encoding_format": "float"}])
async def test_the_openai_client_gets_vectors(
    client: openai.AsyncOpenAI, reference: Reference, options: dict[str, Any]
) -> None:
    """Without an encoding the library asks for base64 and decodes it."""
    async with client:
        answer = await client.embeddings.create(model=MODEL_NAME, input=reference.texts[:3], **options)
    vectors: list[Any] = [item.embedding for item in answer.data]
    if options.get("encoding_format") == "base64":
        vectors = [np.frombuffer(base64.b64decode(vector), dtype="<f4") for vector in vectors]
    assert np.abs(np.array(vectors) - unit_length(reference.pooled[:3])).max() < 1e-4
    assert answer.usage.total_tokens == sum(reference.tokens[:3])


async def test_the_openai_client_lists_the_model_and_understands_refusals(client: openai.AsyncOpenAI) -> None:
    async with client:
        assert [model.id async for model in client.models.list()] == [MODEL_NAME]
        with pytest.raises(openai.BadRequestError, match="input: must not be blank"):
            await client.embeddings.create(model=MODEL_NAME, input="")
        with pytest.raises(openai.AuthenticationError):
            await client.with_options(api_key="wrong").embeddings.create(model=MODEL_NAME, input="a")


@pytest.mark.parametrize(
    "body",
    [
        # langchain-openai with check_embedding_ctx_length=False
        {"input": ["one", "two"], "model": "text-embedding-ada-002", "encoding_format": "base64"},
        # llama-index's OpenAIEmbedding, for documents and for a query
        {"input": ["one", "two"], "model": "text-embedding-3-small"},
        {"input": ["one"], "model": "text-embedding-3-small", "encoding_format": "float", "user": "llama"},
    ],
)
async def test_bodies_of_other_libraries_are_understood(embeddings: Api, body: dict[str, Any]) -> None:
    answer = await embeddings("POST", "/v1/embeddings", json=body)
    assert answer.status == 200
    assert [item["index"] for item in answer.json["data"]] == list(range(len(body["input"])))
