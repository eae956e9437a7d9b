"""Requests and answers of aidb's routes about search."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, Field, model_validator

from ai_stack.aidb.schemas import Project, not_blank
from ai_stack.aidb.vectors import DIMENSION
from ai_stack.service.endpoint import RequestModel

MAX_QUERY_CHARS = 10_000
MAX_TEXTS = 64

Text = Annotated[str, Field(min_length=1, max_length=MAX_QUERY_CHARS), AfterValidator(not_blank)]
Vector = Annotated[list[float], Field(min_length=DIMENSION, max_length=DIMENSION)]


class EmbedRequest(RequestModel):
    """Texts to be embedded."""

    texts: list[Text] = Field(min_length=1, max_length=MAX_TEXTS)


class EmbedResult(BaseModel):
    """Vectors in the order of the texts."""

    model: str
    revision: str
    dimension: int
    embeddings: list[list[float]]


class _Paged(RequestModel):
    project: Project | None = None
    limit: int = Field(default=10, ge=1, le=100)
    offset: int = Field(default=0, ge=0, le=10_000)


class VectorSearchRequest(_Paged):
    """A search by meaning: a text, or its vector, which wins where both are given."""

    query: Text | None = None
    embedding: Vector | None = None
    min_score: float | None = Field(default=None, ge=0, le=1, description="Least cosine similarity.")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.query is None and self.embedding is None:
            raise ValueError("give query or embedding")
        return self


class SearchRequest(_Paged):
    """A search by keywords, by meaning, or by both."""

    query: Text
    embedding: Vector | None = Field(default=None, description="Vector of the query, from a caller who has it.")
    mode: Literal["vector", "keyword", "hybrid"] = "hybrid"


class SearchHit(BaseModel):
    """A chunk that was found."""

    id: int
    document_id: int
    chunk_id: int
    position: int = Field(description="Of the chunk in its document, from 0.")
    project: str
    path: str
    relative_path: str
    title: str
    heading: str
    content: str
    score: float
    distance: float | None = Field(description="Cosine distance to the query; null where there is no vector.")
    metadata: dict[str, Any]


class SearchResult(BaseModel):
    """One page of results."""

    results: list[SearchHit]
    total: int
    offset: int
    limit: int
    has_more: bool
    query_time_ms: float
    mode: Literal["vector", "keyword", "hybrid"]
    degraded: bool = Field(description="Only keywords were used, because there is no vector to search with.")
