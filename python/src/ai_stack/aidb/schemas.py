"""Requests and answers of aidb's routes about documents."""

import math
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, Field, JsonValue, model_validator

from ai_stack.aidb.chunking import ContentType
from ai_stack.aidb.storing import Change, Status
from ai_stack.service.endpoint import QueryModel, RequestModel

MAX_BATCH = 64
MAX_TITLE_CHARS = 512
MAX_PATH_BYTES = 1024
#: PostgreSQL's bigint; ids of documents are below it.
MAX_ID = 2**63 - 1


def not_blank(value: str) -> str:
    """Refuse text of white space alone."""
    if not value.strip():
        raise ValueError("must not be blank")
    return value


def _finite(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    # JSON has no infinities, but text such as 1e999 becomes one.
    level: list[JsonValue] = [value]
    while level:
        item = level.pop()
        if isinstance(item, float) and not math.isfinite(item):
            raise ValueError("numbers must be finite")
        level.extend(item.values() if isinstance(item, dict) else item if isinstance(item, list) else ())
    return value


def _indexable(value: str) -> str:
    # Project and path are one index entry, of 2704 bytes at most (PostgreSQL manual, "B-Tree Indexes").
    if len(value.encode()) > MAX_PATH_BYTES:
        raise ValueError(f"must have at most {MAX_PATH_BYTES} bytes in UTF-8")
    return value


Project = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(not_blank)]
Path = Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(not_blank), AfterValidator(_indexable)]
Metadata = Annotated[dict[str, JsonValue], Field(max_length=64), AfterValidator(_finite)]
Title = Annotated[str, Field(min_length=1, max_length=MAX_TITLE_CHARS), AfterValidator(not_blank)]


class DocumentContent(RequestModel):
    """A document but for its name."""

    content: str = Field(min_length=1, description="At most 1 MiB in UTF-8 (a setting); or a PDF, see `encoding`.")
    encoding: Literal["text", "base64"] = Field(
        default="text", description="`base64` for a PDF of at most 4 MiB. Its text is stored, at most 1 MiB."
    )
    title: Title | None = Field(default=None, description="By default the first heading, or the file name.")
    content_type: ContentType | None = Field(default=None, description="By default what the path's suffix says.")
    metadata: Metadata = Field(default_factory=dict)
    status: Status = Field(default="approved", description="Of what is not approved, searches know nothing.")
    allow_secrets: bool = Field(default=False, description="Store it although it seems to hold a credential.")


class DocumentRequest(DocumentContent):
    """A document to be stored. `path` names it within its project; storing it again replaces it."""

    project: Project = "default"
    path: Path | None = None
    relative_path: Path | None = Field(default=None, description="Another name of `path`.")

    @model_validator(mode="after")
    def _one_path(self) -> Self:
        if (self.path is None) == (self.relative_path is None):
            raise ValueError("give either path or relative_path")
        return self

    @property
    def name(self) -> str:
        """The document's path."""
        name = self.path or self.relative_path
        assert name is not None
        return name


class BatchRequest(RequestModel):
    """Documents to be stored, each on its own: one that is refused does not keep the others out."""

    documents: list[DocumentRequest] = Field(min_length=1, max_length=MAX_BATCH)
    background: bool = Field(default=False, description="Answer with a job (202) that stores them.")

    @model_validator(mode="after")
    def _different(self) -> Self:
        seen: set[tuple[str, str]] = set()
        for document in self.documents:
            key = (document.project, document.name)
            if key in seen:
                raise ValueError("two documents have the same project and path")
            seen.add(key)
        return self


class DocumentResult(BaseModel):
    """What storing a document came to."""

    status: Literal["ok"] = "ok"
    id: int
    project: str
    path: str
    relative_path: str
    title: str
    content_type: ContentType
    change: Change
    changed: list[str] = Field(description="Fields of an updated document that were different before.")
    chunks: int
    chunks_added: int = Field(description="Chunks that are new and get a vector; the others keep theirs.")
    chunks_removed: int
    embedded: bool = Field(description="Whether vector search finds all of it by now; if not, it soon will.")


class RefusedDocument(BaseModel):
    """Why a document of a batch was not stored."""

    status: Literal["refused"] = "refused"
    project: str
    path: str
    error: str


class BatchResult(BaseModel):
    """Results in the order of the request."""

    results: list[DocumentResult | RefusedDocument]
    stored: int
    refused: int
    chunks: int


class DocumentQuery(QueryModel):
    """Which documents to list. Pages follow each other by `after`."""

    project: Project | None = None
    status: Status | None = None
    limit: int = Field(default=100, ge=1, le=1000)
    after: int = Field(default=0, ge=0, le=MAX_ID, description="`next` of the page before.")
    include_content: bool = False


class DocumentPath(QueryModel):
    """Identifies a document."""

    id: int = Field(ge=1, le=MAX_ID)


class DocumentBody(BaseModel):
    """A stored document."""

    id: int
    project: str
    path: str
    relative_path: str
    title: str
    content_type: ContentType
    checksum: str = Field(description="SHA-256 of the content.")
    size_bytes: int
    metadata: dict[str, Any]
    status: Status
    imported_at: datetime
    updated_at: datetime
    chunks: int
    embedded: bool
    content: str | None = None


class DocumentList(BaseModel):
    """One page of documents; `next` is null on the last one."""

    documents: list[DocumentBody]
    total: int
    project: str | None
    next: int | None


class Deleted(BaseModel):
    """The document is gone, and its chunks and vectors with it."""

    status: Literal["deleted"] = "deleted"
    id: int


class Stats(BaseModel):
    """What is stored. `chunks_pending` wait for their vectors; `chunks_refused` the model cannot take."""

    projects: int
    documents: int
    chunks: int
    chunks_pending: int
    chunks_refused: int
    model: str | None
    model_revision: str | None
