"""Requests and answers of nixos-docs."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from ai_stack.service.endpoint import RequestModel

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
    total: int = Field(description="Sections that hold any of the words.")
    results: list[SearchResult]
    degraded: bool = Field(description="Whether a part of the search could not be done.")
    corrections: dict[str, str] = Field(description="Words that stand nowhere, and those that were taken for them.")


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
    built_at: datetime | None = Field(description="Null when the file does not tell, as in the Nix store.")
    content_digest: str = Field(description="SHA-256 over the documents it was built from.")


class StatsResponse(BaseModel):
    """What the service keeps."""

    index: IndexStats


class SyncResponse(BaseModel):
    """The index in use after a sync."""

    status: str = Field(description="`built` from the configured directories, or `opened` again.")
    changed: bool = Field(description="Whether its content differs from the one before.")
    duration_seconds: float
    index: IndexStats
