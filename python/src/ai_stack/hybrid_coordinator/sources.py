"""Searches in the other services, read through models so that a strange answer is an error and not a crash."""

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ai_stack.hybrid_coordinator.candidates import Candidate, Ranking
from ai_stack.hybrid_coordinator.embedder import Embedding, MalformedAnswer
from ai_stack.service.client import ServiceClient
from ai_stack.service.tracing import span

AIDB = "aidb"
NIXOS_DOCS = "nixos-docs"

# The longest query that nixos-docs takes. A longer question still starts with what it is about.
DOCS_QUERY_LIMIT = 2000


class _Answer(BaseModel):
    """What this service reads of another's answer; more may be in it."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


M = TypeVar("M", bound=_Answer)


class _AidbResult(_Answer):
    id: str | int
    content: str
    score: float
    distance: float | None = None
    project: str | None = None
    title: str | None = None
    path: str | None = None
    heading: str | list[str] | None = None


class _AidbAnswer(_Answer):
    results: list[_AidbResult] = Field(max_length=1000)
    degraded: bool = False


class _DocsResult(_Answer):
    source: str
    title: str
    content: str
    relevance: float
    url: str | None = None
    path: str | None = None
    heading: str | list[str] | None = None


class _DocsAnswer(_Answer):
    results: list[_DocsResult] = Field(max_length=1000)
    degraded: bool = False


class AidbSource:
    """Documents in aidb: by meaning and wording when there is a vector, otherwise by wording alone."""

    def __init__(self, client: ServiceClient, *, limit: int) -> None:
        self._client = client
        self._limit = limit

    async def search(self, question: str, embedding: Embedding | None) -> tuple[Ranking, bool]:
        """Return the passages found, and whether aidb says that it could not search as asked.

        Raises:
            DependencyError, RemoteError, MalformedAnswer
        """
        body: dict[str, Any] = {"query": question, "limit": self._limit, "mode": "keyword"}
        if embedding is not None:
            body |= {"mode": "hybrid", "embedding": embedding.vector}
        with span("hybrid.aidb.search", mode=body["mode"], limit=self._limit):
            answer = await self._client.request_json("POST", "/search", json=body, idempotent=True)
            found = _read(self._client.name, answer, _AidbAnswer)
        candidates = tuple(
            Candidate(
                id=str(result.id),
                service=AIDB,
                text=result.content,
                score=result.score,
                # Cosine distance, as pgvector's <=> gives it.
                similarity=None if result.distance is None else 1.0 - result.distance,
                title=result.title,
                path=result.path,
                heading=_heading(result.heading),
                collection=result.project,
            )
            for result in found.results
        )
        return Ranking(AIDB, candidates), found.degraded


class NixosDocsSource:
    """Sections of the documentation in nixos-docs."""

    def __init__(self, client: ServiceClient, *, limit: int) -> None:
        self._client = client
        self._limit = limit

    async def search(self, question: str) -> tuple[Ranking, bool]:
        """Return the passages found, and whether nixos-docs says that it could not search as asked.

        Raises:
            DependencyError, RemoteError, MalformedAnswer
        """
        body = {"query": question.strip()[:DOCS_QUERY_LIMIT], "limit": self._limit}
        with span("hybrid.nixos_docs.search", limit=self._limit):
            answer = await self._client.request_json("POST", "/search", json=body, idempotent=True)
            found = _read(self._client.name, answer, _DocsAnswer)
        candidates = tuple(
            Candidate(
                id="#".join(part for part in (result.path or result.url or result.source, heading) if part),
                service=NIXOS_DOCS,
                text=result.content,
                score=result.relevance,
                title=result.title,
                path=result.path or result.url,
                heading=heading,
                collection=result.source,
            )
            for result in found.results
            for heading in [_heading(result.heading)]
        )
        return Ranking(NIXOS_DOCS, candidates), found.degraded


def _read(service: str, answer: Any, model: type[M]) -> M:
    try:
        return model.model_validate(answer)
    except ValidationError:
        raise MalformedAnswer(service) from None


def _heading(heading: str | list[str] | None) -> str | None:
    if isinstance(heading, list):
        heading = " > ".join(heading)
    return heading or None
