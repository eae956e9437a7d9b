"""How much an interaction is worth learning from.

    value = 0.4 · outcome + 0.2 · feedback + 0.2 · reusability + 0.1 · complexity + 0.1 · novelty

Every term is between 0 and 1, so the value is, too. It is the original system's formula, with a novelty that is
measured where the original had a constant.
"""

from ai_stack.hybrid_coordinator.passages import words
from ai_stack.hybrid_coordinator.records import Outcome
from ai_stack.hybrid_coordinator.relevance import stem

OUTCOME: dict[Outcome, float] = {"success": 1.0, "partial": 0.5, "failure": 0.0}
_METHOD_WORDS = """
    how why what best practice pattern configure configuration setup install enable error fix solve debug failed deploy
    build create implement optimize migrate update upgrade test
"""
#: Words (as stems) of questions whose answers others can use as well.
REUSABLE = frozenset(stem(word) for word in _METHOD_WORDS.split())
REUSABLE_WORDS = 2
COMPLEX_WORDS = 150


def value_score(*, query: str, response: str, outcome: Outcome, feedback: float | None, novelty: float) -> float:
    """Return the value of an interaction, 0 to 1.

    Args:
        query: the question.
        response: its answer.
        outcome: how it ended.
        feedback: the user's, -1 to 1; None counts as neutral.
        novelty: 1 minus the similarity of the nearest earlier question that was answered well, 0 to 1.
    """
    liked = ((feedback or 0.0) + 1) / 2
    return round(
        0.4 * OUTCOME[outcome]
        + 0.2 * liked
        + 0.2 * reusability(query)
        + 0.1 * complexity(response)
        + 0.1 * min(1.0, max(0.0, novelty)),
        6,
    )


def reusability(query: str) -> float:
    """Return how general a question is: its words that ask for methods, of which `REUSABLE_WORDS` are enough."""
    found = {stem(word) for word in words(query)} & REUSABLE
    return min(1.0, len(found) / REUSABLE_WORDS)


def complexity(response: str) -> float:
    """Return how much an answer holds: its length in words, of which `COMPLEX_WORDS` are enough."""
    return min(1.0, len(words(response)) / COMPLEX_WORDS)
