"""HTTP routes of the embeddings service: those in the shape of text-embeddings-inference, and all of them."""

import asyncio

import orjson
from aiohttp import web

from ai_stack.embeddings.handling import (
    MODEL,
    SETTINGS,
    checked_texts,
    embed_texts,
    facts,
    prompted,
)
from ai_stack.embeddings.openai_routes import OPENAI_ROUTES
from ai_stack.embeddings.schemas import (
    EmbedRequest,
    InfoResponse,
    Rank,
    RerankRequest,
    SimilarityRequest,
    Token,
    TokenizeRequest,
)
from ai_stack.service.endpoint import Endpoint, endpoint, json_response
from ai_stack.service.errors import Unprocessable

__all__ = ["MODEL", "ROUTES", "SETTINGS"]


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
    embedded = await embed_texts(
        request, texts, prompt_name=body.prompt_name, normalize=body.normalize, truncate=body.truncate
    )
    return json_response(embedded.vectors, headers=facts(embedded))


@endpoint(
    "POST",
    "/similarity",
    scope="read",
    rate="ingest",
    body=SimilarityRequest,
    response=list[float],
    errors=(422, 503),
    summary="How similar sentences are to one",
    tags=("embeddings",),
)
async def similarity(request: web.Request, body: SimilarityRequest) -> web.Response:
    """Answers with the cosine of each sentence and the source sentence, in the order of the sentences."""
    settings, given, parameters = request.app[SETTINGS], body.inputs, body.parameters
    source = checked_texts(given.source_sentence, "inputs.source_sentence", settings)
    sentences = checked_texts(given.sentences, "inputs.sentences", settings)
    embedded = await embed_texts(
        request,
        source + sentences,
        prompt_name=parameters.prompt_name,
        normalize=True,
        truncate=parameters.truncate,
    )
    # Rounding can leave the product of two unit vectors a little outside.
    cosines = (embedded.vectors[1:] @ embedded.vectors[0]).clip(-1, 1)
    return json_response(cosines, headers=facts(embedded))


@endpoint(
    "POST",
    "/rerank",
    scope="read",
    rate="ingest",
    body=RerankRequest,
    response=list[Rank],
    errors=(422, 503),
    summary="Order of texts for a query, by a model that was trained to rank",
    tags=("embeddings",),
)
async def rerank(request: web.Request, body: RerankRequest) -> web.Response:  # noqa: ARG001 - the check is the point
    """The models that this service loads have no head that ranks: always 422."""
    name = request.app[MODEL].embedder.spec.name
    raise Unprocessable(
        f"{name} cannot rank: it has no classification head; /similarity compares texts by their vectors"
    )


@endpoint(
    "POST",
    "/tokenize",
    scope="read",
    rate="ingest",
    body=TokenizeRequest,
    response=list[list[Token]],
    errors=(503,),
    summary="Tokens of texts",
    tags=("embeddings",),
)
async def tokenize(request: web.Request, body: TokenizeRequest) -> web.Response:
    """Answers with all tokens of each text, those included that the model would not read any more."""
    texts = checked_texts(body.inputs, "inputs", request.app[SETTINGS])
    embedder = request.app[MODEL].embedder
    tokens = await embedder.tokens(prompted(texts, body.prompt_name, embedder.spec), special=body.add_special_tokens)
    # Long texts make megabytes of answer: too much for the event loop.
    payload = await asyncio.to_thread(orjson.dumps, tokens)
    return web.Response(body=payload, content_type="application/json")


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
        revision=spec.revision,
        dimensions=spec.dimensions,
        pooling=spec.pooling.value,
        normalize=spec.normalize,
        prompts=sorted(spec.prompts),
        max_sequence_length=spec.max_sequence_length,
        max_batch_size=settings.max_batch_size,
        max_input_characters=settings.max_input_characters,
    )


ROUTES: tuple[Endpoint, ...] = (embed, similarity, rerank, tokenize, info, *OPENAI_ROUTES)
