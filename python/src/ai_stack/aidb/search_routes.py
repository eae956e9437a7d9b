"""Routes of aidb about search. What they do is in `searching`."""

from aiohttp import web

from ai_stack.aidb import search_schemas as schemas
from ai_stack.aidb.embeddings import Embeddings
from ai_stack.aidb.resources import EMBEDDINGS, SEARCHING
from ai_stack.service.endpoint import endpoint, json_response


@endpoint(
    "POST",
    "/vector/embed",
    scope="read",
    body=schemas.EmbedRequest,
    response=schemas.EmbedResult,
    errors=(422, 503),
    summary="Embed texts",
    tags=("search",),
)
async def embed(request: web.Request, body: schemas.EmbedRequest) -> web.Response:
    """With the model of the stored vectors."""
    embeddings: Embeddings = request.app[EMBEDDINGS]
    vectors, model = await embeddings.consistently(lambda: embeddings.embed_texts(body.texts))
    return json_response(
        {"model": model.name, "revision": model.revision, "dimension": model.dimension, "embeddings": vectors}
    )


@endpoint(
    "POST",
    "/vector/search",
    scope="read",
    body=schemas.VectorSearchRequest,
    response=schemas.SearchResult,
    errors=(422, 503),
    summary="Search by meaning",
    tags=("search",),
)
async def search_vectors(request: web.Request, body: schemas.VectorSearchRequest) -> schemas.SearchResult:
    """Scores are cosine similarities, `total` counts at most 100. Answers 503 without a vector to search with."""
    return await request.app[EMBEDDINGS].consistently(lambda: request.app[SEARCHING].by_vector(body))


@endpoint(
    "POST",
    "/search",
    scope="read",
    body=schemas.SearchRequest,
    response=schemas.SearchResult,
    errors=(422, 503),
    summary="Search by keywords and meaning",
    tags=("search",),
)
async def search(request: web.Request, body: schemas.SearchRequest) -> schemas.SearchResult:
    """Scores are from 0 to 1: relevance by keywords and by meaning, each relative to the best. Without a vector to
    search with, a hybrid search uses keywords alone and says `degraded`. `total` counts what both lists hold, at most
    100 each."""
    return await request.app[EMBEDDINGS].consistently(lambda: request.app[SEARCHING].by_rank(body))


ROUTES = (embed, search_vectors, search)
