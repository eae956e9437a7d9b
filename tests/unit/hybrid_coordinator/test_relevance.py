"""Which passages have to do with the question."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_stack.hybrid_coordinator.candidates import Candidate
from ai_stack.hybrid_coordinator.relevance import Relevance, coverage, terms

BARS = Relevance(min_similarity=0.4, min_coverage=0.6)


def passage(text: str, similarity: float | None = None, heading: str | None = None) -> Candidate:
    return Candidate(id="1", service="aidb", text=text, score=1.0, similarity=similarity, heading=heading)


def kept(question: str, candidate: Candidate) -> bool:
    return BARS.keep(question, [candidate]) == (candidate,)


def test_words_that_only_ask_are_no_terms() -> None:
    assert terms("How do I use the") == frozenset()
    assert terms("How do I enable flakes?") == terms("enabling a flake")


def test_identifiers_count_by_their_parts() -> None:
    assert terms("allow_unfree") == terms("allow unfree")


def test_wording_alone_is_enough_when_it_covers_the_question() -> None:
    assert kept("open a port in the firewall", passage("Ports are opened in the firewall configuration."))
    assert kept("open a port in the firewall", passage("Opened ports are listed here.", heading="Firewall"))
    assert not kept("open a port in the firewall", passage("Open the window when it is warm."))


def test_meaning_alone_is_enough_when_it_is_near() -> None:
    assert kept("stop the machine", passage("poweroff shuts everything down", similarity=0.4))
    assert not kept("stop the machine", passage("poweroff shuts everything down", similarity=0.39))


def test_a_question_without_terms_needs_meaning() -> None:
    assert not kept("how is it", passage("how is it"))
    assert kept("how is it", passage("how is it", similarity=0.9))


@given(st.text(max_size=100), st.text(max_size=100))
def test_coverage_is_a_share_and_full_for_the_text_itself(question: str, text: str) -> None:
    wanted = terms(question)
    assert 0.0 <= coverage(wanted, text, None) <= 1.0
    assert not wanted or coverage(wanted, text, question) == 1.0


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_order_is_kept(order: tuple[int, int]) -> None:
    both = (passage("a", 0.9), passage("b", 0.5))
    candidates = [both[i] for i in order]
    assert list(BARS.keep("anything", candidates)) == candidates
