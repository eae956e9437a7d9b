"""What an interaction is worth."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_stack.hybrid_coordinator.records import Outcome
from ai_stack.hybrid_coordinator.value import COMPLEX_WORDS, complexity, reusability, value_score

OUTCOMES = st.sampled_from(["success", "partial", "failure"])
FEEDBACK = st.none() | st.floats(min_value=-1, max_value=1)
NOVELTY = st.floats(min_value=0, max_value=1)


@given(st.text(), st.text(), OUTCOMES, FEEDBACK, NOVELTY)
def test_a_value_is_a_share(query: str, response: str, outcome: Outcome, liked: float | None, novelty: float) -> None:
    value = value_score(query=query, response=response, outcome=outcome, feedback=liked, novelty=novelty)
    assert 0 <= value <= 1


def test_the_terms_add_up_to_one() -> None:
    query, response = "How do I configure it?", "word " * COMPLEX_WORDS
    best = value_score(query=query, response=response, outcome="success", feedback=1.0, novelty=1.0)
    assert best == pytest.approx(1.0)
    assert value_score(query="x", response="", outcome="failure", feedback=-1.0, novelty=0.0) == 0.0


def test_each_term_has_its_weight() -> None:
    def value(
        query: str = "x",
        response: str = "",
        outcome: Outcome = "failure",
        feedback: float | None = -1.0,
        novelty: float = 0.0,
    ) -> float:
        return value_score(query=query, response=response, outcome=outcome, feedback=feedback, novelty=novelty)

    assert value(outcome="success") == 0.4
    assert value(outcome="partial") == 0.2
    assert value(feedback=1.0) == 0.2
    assert value(feedback=None) == 0.1
    assert value(novelty=1.0) == 0.1
    assert value(query="how to fix it") == 0.2
    assert value(response="word " * COMPLEX_WORDS) == pytest.approx(0.1)


def test_a_question_about_methods_is_reusable_and_a_long_answer_holds_much() -> None:
    assert reusability("Where is my cat?") == 0
    assert reusability("How was it installed?") == 1
    assert complexity("word " * (COMPLEX_WORDS // 2)) == 0.5
