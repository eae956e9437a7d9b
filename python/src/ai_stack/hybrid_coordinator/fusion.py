"""Merging of rankings from sources whose scores cannot be compared."""

from collections.abc import Sequence
from dataclasses import replace

from ai_stack.hybrid_coordinator.candidates import Candidate, Fused, Ranking
from ai_stack.hybrid_coordinator.passages import containment, fingerprint, shingles

# The constant of Cormack, Clarke and Buettcher, "Reciprocal rank fusion outperforms Condorcet and individual rank
# learning methods", SIGIR 2009: damps the difference between the first ranks.
RRF_K = 60
NEAR_DUPLICATE = 0.85
#: Of two passages of one page: services cut a page in different places, and chunks overlap.
SAME_PAGE_DUPLICATE = 0.6


class _Group:
    """Passages that say the same, led by the one that the best rank brought in."""

    def __init__(self, candidate: Candidate) -> None:
        self.candidate = candidate
        self.shingles = shingles(candidate.text)
        self.ranks: dict[str, int] = {}
        self.similarity = candidate.similarity
        self.ids: dict[str, None] = {}

    def add(self, source: str, rank: int, candidate: Candidate) -> None:
        # A source that returns the same passage twice must not vote twice.
        self.ranks.setdefault(source, rank)
        self.ids[candidate.id] = None
        if candidate.similarity is not None:
            self.similarity = max(self.similarity or -1.0, candidate.similarity)

    def score(self) -> float:
        return sum(1 / (RRF_K + rank) for rank in self.ranks.values())


def fuse(rankings: Sequence[Ranking]) -> list[Fused]:
    """Merge `rankings` by reciprocal rank; near-duplicates become one passage whose votes are added up.

    Equal scores (the usual case for sources without common passages) are ordered by similarity to the question where
    it is known, then by the order of `rankings`. The result is the same for the same input.
    """
    groups: list[_Group] = []
    by_fingerprint: dict[bytes, _Group] = {}
    depth = max((len(ranking.candidates) for ranking in rankings), default=0)
    for index in range(depth):
        for ranking in rankings:
            if index < len(ranking.candidates):
                candidate = ranking.candidates[index]
                group = _group_of(candidate, groups, by_fingerprint)
                group.add(ranking.name, index + 1, candidate)
    # Stable sort: the order of arrival (rank first, then source) decides what is left equal.
    groups.sort(key=lambda group: (-group.score(), -(group.similarity if group.similarity is not None else -1.0)))
    return [
        Fused(
            replace(group.candidate, similarity=group.similarity),
            group.score(),
            tuple(sorted(group.ranks)),
            tuple(group.ids),
        )
        for group in groups
    ]


def _group_of(candidate: Candidate, groups: list[_Group], by_fingerprint: dict[bytes, _Group]) -> _Group:
    print_ = fingerprint(candidate.text)
    group = by_fingerprint.get(print_)
    if group is None:
        mine = shingles(candidate.text)
        group = next((g for g in groups if containment(mine, g.shingles) >= _bar(candidate, g.candidate)), None)
    if group is None:
        group = _Group(candidate)
        groups.append(group)
    by_fingerprint[print_] = group
    return group


def _bar(one: Candidate, other: Candidate) -> float:
    """Containment from which two passages say the same."""
    return SAME_PAGE_DUPLICATE if same_page(one.path, other.path) else NEAR_DUPLICATE


def same_page(one: str | None, other: str | None) -> bool:
    """Whether two paths can be those of one page: services may put the name of a source before it."""
    if one is None or other is None:
        return False
    shorter, longer = sorted((one, other), key=len)
    return longer == shorter or longer.endswith(f"/{shorter}")
