"""Routes in the shape of OpenAI's API."""

import base64
from typing import Any

from aiohttp import web

from ai_stack.embeddings.embedder import Embedded
from ai_stack.embeddings.handling import MODEL, SETTINGS, checked_texts, embed_texts, facts
from ai_stack.embeddings.schemas import (
    OpenAIEmbeddingsRequest,
    OpenAIEmbeddingsResponse,
    OpenAIModel,
    OpenAIModelList,
)
from ai_stack.service.endpoint import Endpoint, endpoint, json_response
from ai_stack.service.errors import BadRequest


@endpoint(
    "POST",
    "/v1/embeddings",
    scope="read",
    rate="ingest",
    body=OpenAIEmbeddingsRequest,
    response=OpenAIEmbeddingsResponse,
    errors=(422, 503),
    error_format="openai",
    summary="Vectors of texts, as OpenAI's API gives them",
    tags=("openai",),
)
async def create_embeddings(request: web.Request, body: OpenAIEmbeddingsRequest) -> web.Response:
    """Works with clients of OpenAI's API."""
    texts = checked_texts(body.input, "input", request.app[SETTINGS])
    spec = request.app[MODEL].embedder.spec
    if body.dimensions not in (None, spec.dimensions):
        raise BadRequest(f"dimensions: this model has {spec.dimensions}")
    embedded = await embed_texts(
        request, texts, prompt_name=body.prompt_name, normalize=spec.normalize, truncate=body.truncate
    )
    return json_response(
        {
            "object": "list",
            "data": [
                {"object": "embedding", "index": index, "embedding": encoded}
                for index, encoded in enumerate(_encode(embedded, body.encoding_format))
            ],
            "model": spec.name,
            "usage": {
                "prompt_tokens": embedded.tokens,
                "total_tokens": embedded.tokens,
                "truncated_texts": embedded.truncated,
            },
        },
        headers=facts(embedded),
    )


@endpoint(
    "GET",
    "/v1/models",
    scope="read",
    response=OpenAIModelList,
    errors=(503,),
    error_format="openai",
    summary="The model, as OpenAI's API lists it",
    tags=("openai",),
)
async def list_models(request: web.Request) -> OpenAIModelList:
    """A service has exactly one model."""
    spec = request.app[MODEL].embedder.spec
    return OpenAIModelList(data=[OpenAIModel(id=spec.name, created=spec.weights_modified)])


def _encode(embedded: Embedded, encoding_format: str) -> list[Any]:
    if encoding_format == "base64":
        little_endian = embedded.vectors.astype("<f4", copy=False)
        return [base64.b64encode(vector.tobytes()).decode("ascii") for vector in little_endian]
    return list(embedded.vectors)


OPENAI_ROUTES: tuple[Endpoint, ...] = (create_embeddings, list_models)
