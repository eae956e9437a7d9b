"""HTTP routes of the embeddings service."""

import base64
from typing import Any

from aiohttp import web

from ai_stack.embeddings.embedder import Embedded
from ai_stack.embeddings.loader import ModelLoader
from ai_stack.embeddings.schemas import (
    EmbedRequest,
    InfoResponse,
    OpenAIEmbeddingsRequest,
    OpenAIEmbeddingsResponse,
    OpenAIModel,
    OpenAIModelList,
)
from ai_stack.embeddings.settings import EmbeddingsSettings
from ai_stack.service.endpoint import Endpoint, endpoint, json_response
from ai_stack.service.errors import BadRequest
from ai_stack.service.middleware import ANONYMOUS, PRINCIPAL

MODEL: web.AppKey[ModelLoader] = web.AppKey("model", ModelLoader)
SETTINGS: web.AppKey[EmbeddingsSettings] = web.AppKey("settings", EmbeddingsSettings)


@endpoint(
    "POST",
    "/embed",
    scope="read",
    rate="ingest",
    body=EmbedRequest,
    response=list[list[float]],
    errors=(422, 503),
    summary="Vectors of texts",
    tags=("embeddings",),
)
async def embed(request: web.Request, body: EmbedRequest) -> web.Response:
    """Answers with one vector per text, in their order; a single text gives a list of one."""
    texts = checked_texts(body.inputs, "inputs", request.app[SETTINGS])
    embedded = await _embed(request, texts, normalize=body.normalize, truncate=body.truncate)
    return json_response(embedded.vectors, headers=_facts(embedded))


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
    embedded = await _embed(request, texts, normalize=spec.normalize, truncate=body.truncate)
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
        headers=_facts(embedded),
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


@endpoint(
    "GET",
    "/info",
    scope="read",
    response=InfoResponse,
    errors=(503,),
    summary="Identity of the model, and limits",
    tags=("embeddings",),
)
async def info(request: web.Request) -> InfoResponse:
    """Model and revision identify a set of vectors: those of different ones must not be compared."""
    settings = request.app[SETTINGS]
    spec = request.app[MODEL].embedder.spec
    return InfoResponse(
        model=spec.name,
        revision=spec.weights_sha256,
        dimensions=spec.dimensions,
        max_sequence_length=spec.max_sequence_length,
        max_batch_size=settings.max_batch_size,
        max_input_characters=settings.max_input_characters,
    )


def checked_texts(given: str | list[str], field: str, settings: EmbeddingsSettings) -> list[str]:
    """Return the texts of a request.

    Raises:
        BadRequest: none, too many, or one that is blank or too long; says which.
    """
    texts = [given] if isinstance(given, str) else given
    if not texts:
        raise BadRequest(f"{field}: must hold at least one text")
    if len(texts) > settings.max_batch_size:
        raise BadRequest(f"{field}: {len(texts)} texts, at most {settings.max_batch_size} are allowed")
    for index, text in enumerate(texts):
        place = field if isinstance(given, str) else f"{field}.{index}"
        if not text.strip():
            raise BadRequest(f"{place}: must not be blank")
        if len(text) > settings.max_input_characters:
            raise BadRequest(f"{place}: {len(text)} characters, at most {settings.max_input_characters} are allowed")
    return texts


async def _embed(request: web.Request, texts: list[str], *, normalize: bool, truncate: bool) -> Embedded:
    principal = request.get(PRINCIPAL)
    client = principal.name if principal is not None else ANONYMOUS
    embedder = request.app[MODEL].embedder
    return await embedder.embed(texts, normalize=normalize, truncate=truncate, client=client)


def _facts(embedded: Embedded) -> dict[str, str]:
    """What became of a request, as headers; times as `Server-Timing` (W3C, "Server Timing"), in milliseconds."""
    timing = embedded.timing
    parts = {"tokenize": timing.tokenize, "queue": timing.queue, "infer": timing.infer}
    return {
        "Server-Timing": ", ".join(f"{name};dur={seconds * 1000:.3f}" for name, seconds in parts.items()),
        "X-Tokens": str(embedded.tokens),
        "X-Truncated-Texts": str(embedded.truncated),
        "X-Cached-Texts": str(embedded.cached),
    }


def _encode(embedded: Embedded, encoding_format: str) -> list[Any]:
    if encoding_format == "base64":
        little_endian = embedded.vectors.astype("<f4", copy=False)
        return [base64.b64encode(vector.tobytes()).decode("ascii") for vector in little_endian]
    return list(embedded.vectors)


ROUTES: tuple[Endpoint, ...] = (embed, create_embeddings, list_models, info)
