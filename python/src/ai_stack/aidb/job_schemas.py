"""Requests and answers of aidb's routes about jobs."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from ai_stack.aidb.jobs import ItemState
from ai_stack.aidb.schemas import MAX_ID
from ai_stack.aidb.storing import Change
from ai_stack.service.endpoint import QueryModel, RequestModel

PublicState = Literal["running", "paused", "succeeded", "failed", "cancelled"]


class JobPath(QueryModel):
    """Identifies a job."""

    id: int = Field(ge=1, le=MAX_ID)


class JobQuery(QueryModel):
    """Which jobs to list. Pages follow each other by `before`."""

    state: PublicState | None = None
    limit: int = Field(default=20, ge=1, le=100)
    before: int | None = Field(default=None, ge=1, le=MAX_ID, description="`next` of the page before.")


class ItemQuery(QueryModel):
    """Which lines to list. Pages follow each other by `after`."""

    state: ItemState | None = None
    limit: int = Field(default=100, ge=1, le=1000)
    after: int = Field(default=0, ge=0, le=2**31 - 1, description="`next` of the page before.")


class RetryRequest(RequestModel):
    """Why a job is tried again, for those who look at it later."""

    reason: str = Field(min_length=1, max_length=500)


class JobBody(BaseModel):
    """A job and how far it is. It has `failed` when lines were refused; the others are stored."""

    id: int
    kind: str
    state: PublicState
    total: int = Field(description="Lines.")
    done: int = Field(description="Lines that were dealt with.")
    created: int
    updated: int
    unchanged: int
    refused: int
    attempts: int
    note: str | None = Field(description="Why it was tried again.")
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None


class JobDetail(JobBody):
    """A job, and whether its documents can be found by meaning."""

    chunks_pending: int = Field(description="Chunks of its documents that wait for their vectors.")


class JobList(BaseModel):
    """One page of jobs, the newest first; `next` is null on the last one."""

    jobs: list[JobBody]
    next: int | None


class ItemBody(BaseModel):
    """What became of a line."""

    line: int
    state: ItemState
    project: str | None
    path: str | None
    document_id: int | None
    change: Change | None
    chunks: int | None
    error: str | None


class ItemList(BaseModel):
    """One page of lines; `next` is null on the last one."""

    items: list[ItemBody]
    next: int | None
