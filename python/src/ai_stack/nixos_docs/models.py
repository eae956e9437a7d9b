"""Requests and answers of nixos-docs."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from ai_stack.service.endpoint import QueryModel, RequestModel

Release = Annotated[str | None, Field(description="NixOS release that the answer is for; null when it is not known.")]
Degraded = Annotated[bool, Field(description="Whether the search went by words alone although it should not have.")]
Corrections = Annotated[
    dict[str, str], Field(description="Words that stand nowhere, and those that were taken for them.")
]
SourceName = Annotated[str, Field(min_length=1, max_length=255)]


class SearchRequest(RequestModel):
    """What to look for in the documentation."""

    query: str = Field(
        min_length=1,
        max_length=2000,
        description="A question, key words, an error message or an option's name; nothing in it is syntax.",
        examples=["how do I open a port in the firewall"],
    )
    sources: list[SourceName] | None = Field(
        default=None, max_length=64, description="Names of sources to search in; all when absent or empty."
    )
    limit: int = Field(default=10, ge=1, le=100)


class ResultMetadata(BaseModel):
    """Where in its document a result stands."""

    anchor: str = Field(description="Anchor of the section, empty before the first heading.")
    line: int = Field(description="First line of the section in its file, from 1.")
    truncated: bool = Field(description="Whether `content` is a part of the section.")


class SearchResult(BaseModel):
    """A section of a document."""

    source: str
    path: str = Field(description="`<source>/<file>`")
    title: str = Field(description="Title of the document.")
    heading: str = Field(description="Headings from the outermost to the section's own, joined with ` > `.")
    content: str = Field(description="Text of the section, at most 4000 characters of it.")
    url: str | None = Field(description="Where the section is published, null if it is not.")
    relevance: float = Field(description="Higher is better; comparable within one answer only.")
    metadata: ResultMetadata


class SearchResponse(BaseModel):
    """The best section of each document first, best document first; then further sections."""

    query: str
    release: Release
    total: int = Field(description="Sections that hold any of the words, or mean about the same.")
    results: list[SearchResult]
    degraded: Degraded
    corrections: Corrections


class SourceItem(BaseModel):
    """A source in the index."""

    id: str
    name: str
    type: str
    web_url: str | None
    files: int
    sections: int


class SourcesResponse(BaseModel):
    """The sources in the index."""

    total: int
    sources: list[SourceItem]


class IndexStats(BaseModel):
    """The index in use."""

    bytes: int
    documents: int
    sections: int
    options: int
    packages: int
    release: Release
    built_at: datetime | None = Field(description="Null when the file does not tell, as in the Nix store.")
    content_digest: str = Field(description="SHA-256 over all that it was built from.")


class CacheStats(BaseModel):
    """A namespace of the cache."""

    entries: int
    bytes: int | None = Field(description="Null where it is not counted.")
    hits: int = Field(description="Since the start.")
    misses: int = Field(description="Since the start.")


class VectorStats(BaseModel):
    """The vectors of the index in use."""

    status: Literal["off", "missing", "computing", "ready"] = Field(
        description="`off`: no embeddings service is configured; `missing`: they cannot be had now."
    )
    model: str | None = Field(description="The model that made the vectors in use.")
    missing: int = Field(description="Vectors that are still to be computed.")
    words: bool = Field(
        description="Whether a question's vector can be put together from its words when the model is busy or away."
    )
    problem: str | None = Field(description="Why there are none.")


class StatsResponse(BaseModel):
    """What the service keeps."""

    index: IndexStats
    vectors: VectorStats
    caches: dict[str, CacheStats] = Field(description="By namespace: `answers`, `query-vectors`.")


class ClearQuery(QueryModel):
    """What to forget."""

    namespace: Literal["answers", "query-vectors"] | None = Field(
        default=None, description="Part of the cache; all of it when not given."
    )


class ClearResponse(BaseModel):
    """What was forgotten."""

    cleared: dict[str, int] = Field(description="Entries dropped, by namespace.")


class SyncResponse(BaseModel):
    """The index in use after a sync."""

    status: str = Field(description="`built` from the configured directories, or `opened` again.")
    changed: bool = Field(description="Whether its content differs from the one before.")
    duration_seconds: float
    index: IndexStats
