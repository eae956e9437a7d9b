"""Who answers, and why."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_stack.hybrid_coordinator.candidates import Candidate, Fused
from ai_stack.hybrid_coordinator.prompt import Placed
from ai_stack.hybrid_coordinator.routing import Route, Situation, confidence, decide

BOTH: frozenset[Route] = frozenset({"local", "remote"})
SHARES = st.floats(min_value=0, max_value=1)


def situation(**changes: Any) -> Situation:
    usual: dict[str, Any] = {
        "configured": BOTH,
        "requested": None,
        "fits_local": True,
        "local_open": False,
        "confidence": 0.8,
    }
    return Situation(**{**usual, **changes})


def placed(similarity: float | None) -> Placed:
    return Placed(1, Fused(Candidate("x", "aidb", "text", 1.0, similarity), 0.01, ("aidb",)), "text", 1)


@pytest.mark.parametrize(
    ("changes", "route", "reason"),
    [
        ({}, "local", "confident"),
        ({"confidence": 0.6}, "remote", "not_confident"),
        ({"local_open": True}, "remote", "local_unavailable"),
        ({"fits_local": False}, "remote", "too_long_for_local"),
        ({"requested": "local", "local_open": True, "fits_local": False}, "local", "requested"),
        ({"configured": frozenset({"remote"}), "fits_local": False}, "remote", "only_one_configured"),
        ({"configured": frozenset({"local"}), "confidence": 0.0}, "local", "only_one_configured"),
    ],
)
def test_a_decision_has_a_reason(changes: dict[str, Any], route: Route, reason: str) -> None:
    decision = decide(situation(**changes), threshold=0.7)
    assert (decision.route, decision.reason) == (route, reason)
    assert decision.confidence == situation(**changes).confidence


@given(st.text(), st.lists(st.none() | st.floats(min_value=-1, max_value=1), max_size=5), SHARES)
def test_confidence_is_a_share(question: str, similarities: list[float | None], record: float) -> None:
    assert 0 <= confidence(question, [placed(s) for s in similarities], record) <= 1


def test_sources_short_questions_and_good_outcomes_raise_confidence() -> None:
    middle = confidence("short", [placed(0.4)], 0.5)
    assert confidence("short", [placed(0.6)], 0.5) > middle
    assert confidence("short", [placed(0.4)], 0.9) > middle
    assert confidence("long " * 100, [placed(0.4)], 0.5) < middle
    assert confidence("short", [], 0.5) < middle
