"""The decision whether a passage has to do with the question at all.

A search for the best passages always returns some. Without a bar below which they are dropped, a question about
something else is answered with context that misleads.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from ai_stack.hybrid_coordinator.candidates import Candidate
from ai_stack.hybrid_coordinator.passages import words

# Words that say how a question is asked, not what it is about.
_STOP_WORDS = """
    a about after all also am an and any are as at be because been before being between both but by can cannot could
    did do does doing done down during each else few for from get gets getting give given go goes got had has have
    having he help her here him his how i if in instead into is it its just know let like made make makes making many
    me more most much must my need needs no not now of off on once one only or other our out over own please same say
    she should show so some still such take tell than that the their them then there these they thing things this
    those through to too under until up us use used using very want was way we well were what when where which while
    who whole whom why will with without work works would you your
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())
_ENDINGS = ("ings", "ing", "ed", "es", "s")
_SHORTEST_STEM = 3


def stem(word: str) -> str:
    """Return `word` without a common English inflection, as far as the ending alone tells."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            word = word[: -len(ending)]
            break
    return word.removesuffix("e") if len(word) > _SHORTEST_STEM else word


def terms(text: str) -> frozenset[str]:
    """Return the stems of the content words of `text`."""
    return frozenset(stem(word) for word in words(text.replace("_", " ")) if word not in STOP_WORDS)


def coverage(question: frozenset[str], *texts: str | None) -> float:
    """Return the share of the question's terms that occur in `texts`, 0 to 1; 0 for a question without terms."""
    if not question:
        return 0.0
    found = terms(" ".join(text for text in texts if text))
    return len(question & found) / len(question)


@dataclass(frozen=True, kw_only=True, slots=True)
class Relevance:
    """A passage counts when its meaning is near enough or its words cover enough of the question.

    Attributes:
        min_similarity: cosine similarity from which meaning alone is enough.
        min_coverage: share of the question's content words from which wording alone is enough.
    """

    min_similarity: float
    min_coverage: float

    def keep(self, question: str, candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
        """Return the candidates that count for `question`, in their order."""
        wanted = terms(question)
        return tuple(c for c in candidates if self._counts(c, wanted))

    def _counts(self, candidate: Candidate, wanted: frozenset[str]) -> bool:
        if candidate.similarity is not None and candidate.similarity >= self.min_similarity:
            return True
        covered = coverage(wanted, candidate.text, candidate.title, candidate.heading, candidate.path)
        return covered >= self.min_coverage
