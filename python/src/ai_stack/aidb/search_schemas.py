"""Requests and answers of aidb's routes about search."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, JsonValue, model_validator

from ai_stack.aidb.chunking import ContentType
from ai_stack.aidb.filters import Filters
from ai_stack.aidb.schemas import MAX_ID, Metadata, Project, not_blank
from ai_stack.aidb.storing import Status
from ai_stack.aidb.vectors import DIMENSION
from ai_stack.service.endpoint import RequestModel

MAX_QUERY_CHARS = 10_000
MAX_TEXTS = 64

Text = Annotated[str, Field(min_length=1, max_length=MAX_QUERY_CHARS), AfterValidator(not_blank)]
Vector = Annotated[list[float], Field(min_length=DIMENSION, max_length=DIMENSION)]


class EmbedRequest(RequestModel):
    """Texts to be embedded."""

    texts: list[Text] = Field(min_length=1, max_length=MAX_TEXTS)


class IndexItem(RequestModel):
    """A document whose chunks are to have their vectors, or one of its chunks."""

    document_id: int = Field(ge=1, le=MAX_ID)
    chunk_id: int | None = Field(default=None, ge=1, le=MAX_ID, description="Only this chunk.")
    content: str | None = Field(
        default=None, description="The text, as it is stored; another one is a conflict. May be left out."
    )
    embedding: Vector | None = Field(default=None, description="The vector, where the caller has it.")
    metadata: Metadata | None = Field(default=None, description="Take the place of those of the document.")


class IndexRequest(RequestModel):
    """What is to be indexed. A vector that is given must be of the stored model."""

    items: list[IndexItem] = Field(min_length=1, max_length=MAX_TEXTS)
    model: str | None = Field(default=None, min_length=1, max_length=512, description="That made the given vectors.")
    revision: str | None = Field(default=None, min_length=1, max_length=512, description="Of this model.")


class IndexResult(BaseModel):
    """Chunks that were meant, by whether they have their vector now."""

    status: Literal["ok"] = "ok"
    indexed: int
    pending: int = Field(description="That get it soon.")
    refused: int = Field(description="That the model cannot take.")


class EmbedResult(BaseModel):
    """Vectors in the order of the texts."""

    model: str
    revision: str
    dimension: int
    embeddings: list[list[float]]


class _Search(RequestModel):
    project: Project | None = Field(default=None, description="Only documents of this project.")
    path_prefix: str | None = Field(
        default=None, min_length=1, max_length=1024, description="Only documents whose path begins like this."
    )
    content_type: ContentType | list[ContentType] | None = Field(
        default=None, description="Only documents of this type, or of one of these."
    )
    metadata: dict[str, JsonValue] | None = Field(
        default=None, max_length=64, description="Only documents whose metadata contain these."
    )
    status: Status | list[Status] = Field(default="approved", description="Only documents with this status.")
    updated_since: AwareDatetime | None = Field(default=None, description="Only documents changed then or later.")
    updated_until: AwareDatetime | None = Field(default=None, description="Only documents changed before.")
    syntax: Literal["plain", "web"] = Field(
        default="plain",
        description='What the query is: plain text; or, with `web`, all words must match, a "phrase in quotes" as it'
        " stands, -word must not, and `or` stands between alternatives.",
    )
    limit: int = Field(default=10, ge=1, le=100)
    offset: int = Field(default=0, ge=0, le=10_000)
    explain: bool = Field(default=False, description="Say for each result what made it one.")

    @property
    def filters(self) -> Filters:
        """Which documents are searched."""
        return Filters(
            project=self.project,
            path_prefix=self.path_prefix,
            content_types=None if self.content_type is None else _tuple(self.content_type),
            metadata=self.metadata,
            statuses=_tuple(self.status),
            updated_since=self.updated_since,
            updated_until=self.updated_until,
        )


def _tuple(value: str | Sequence[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


class VectorSearchRequest(_Search):
    """A search by meaning: a text, or its vector, which wins where both are given."""

    query: Text | None = None
    embedding: Vector | None = None
    min_score: float | None = Field(default=None, ge=0, le=1, description="Least cosine similarity.")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.query is None and self.embedding is None:
            raise ValueError("give query or embedding")
        if self.query is None and self.syntax == "web":
            raise ValueError("syntax: web needs a query")
        return self


class SearchRequest(_Search):
    """A search by keywords, by meaning, or by both."""

    query: Text
    embedding: Vector | None = Field(default=None, description="Vector of the query, from a caller who has it.")
    mode: Literal["vector", "keyword", "hybrid"] = "hybrid"
    min_score: float | None = Field(default=None, ge=0, le=1, description="Least score.")


class Highlight(BaseModel):
    """Where a word that was looked for is in `content`, in characters."""

    start: int
    end: int


class HitExplanation(BaseModel):
    """What made a chunk a result. A rank is null where the chunk is not in that list."""

    keyword_rank: int | None
    keyword_score: float | None = Field(description="BM25 of the chunk and a share of that of its document.")
    vector_rank: int | None
    vector_score: float | None = Field(description="Cosine similarity.")


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
    highlights: list[Highlight]
    score: float
    distance: float | None = Field(description="Cosine distance to the query; null where there is no vector.")
    metadata: dict[str, Any]
    explanation: HitExplanation | None = Field(default=None, description="With `explain`.")


class WantedWord(BaseModel):
    """A word that was looked for, as it is indexed."""

    word: str
    chunks: int = Field(description="Number of chunks that have it, roughly.")
    weight: float = Field(description="Inverse document frequency.")


class SearchExplanation(BaseModel):
    """What was looked for."""

    words: list[WantedWord]
    unknown_words: list[str] = Field(description="That no chunk has.")


class SearchResult(BaseModel):
    """One page of results."""

    results: list[SearchHit]
    total: int = Field(description="Counted up to a bound: see the documentation.")
    offset: int
    limit: int
    has_more: bool
    query_time_ms: float
    mode: Literal["vector", "keyword", "hybrid"]
    degraded: bool = Field(description="Only keywords were used, because there is no vector to search with.")
    corrections: dict[str, str] = Field(description="Words that no chunk has, with those that were taken instead.")
    explanation: SearchExplanation | None = Field(default=None, description="With `explain`.")
