"""What retrieval finds, before and after fusion."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Candidate:
    """One passage that a source returned for the question.

    `similarity` is the cosine similarity to the question in [-1, 1], or None where the source did not compare vectors.
    `score` is the source's own score, comparable within that source only.
    """

    id: str
    service: str
    text: str
    score: float
    similarity: float | None = None
    title: str | None = None
    path: str | None = None
    heading: str | None = None
    collection: str | None = None


@dataclass(frozen=True, slots=True)
class Ranking:
    """The candidates of one source (a service, or one collection of it), best first."""

    name: str
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class Fused:
    """A passage after fusion: its best representative, fused score, the rankings that it was in, and its ids there."""

    candidate: Candidate
    score: float
    found_by: tuple[str, ...]
    ids: tuple[str, ...] = ()
