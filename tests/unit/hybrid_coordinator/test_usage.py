"""Usefulness of records, from outcomes."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ai_stack.hybrid_coordinator.usage import MAX_VOTES, Vote, superfluous, usefulness, uses

NOW = datetime(2026, 1, 1, tzinfo=UTC)
AGES = st.floats(min_value=0, max_value=1000)
VOTES = st.lists(st.tuples(st.none() | st.floats(min_value=0, max_value=1), AGES), max_size=20)


def vote(value: float | None, age_days: float = 0.0) -> Vote:
    return Vote(value=value, at=NOW - timedelta(days=age_days))


@given(VOTES)
def test_usefulness_is_a_share_and_uses_are_at_most_the_votes(given_votes: list[tuple[float | None, float]]) -> None:
    votes = [vote(value, age) for value, age in given_votes]
    assert 0 < usefulness(votes, now=NOW, half_life_days=30) < 1
    assert 0 <= uses(votes, now=NOW, half_life_days=30) <= len(votes)


def test_without_evidence_a_record_is_neither_good_nor_bad() -> None:
    assert usefulness([], now=NOW, half_life_days=30) == 0.5
    assert usefulness([vote(None)], now=NOW, half_life_days=30) == 0.5


def test_outcomes_move_it_and_age_takes_it_back() -> None:
    good = [vote(1.0)] * 4
    bad = [vote(0.0)] * 4
    assert usefulness(good, now=NOW, half_life_days=30) == 5 / 6
    assert usefulness(bad, now=NOW, half_life_days=30) == 1 / 6
    later = usefulness(good, now=NOW + timedelta(days=300), half_life_days=30)
    assert 0.5 < later < 0.51


def test_an_old_outcome_weighs_half_after_the_half_life() -> None:
    assert uses([vote(1.0, 30.0), vote(None)], now=NOW, half_life_days=30) == 1.5


def test_a_vote_of_the_future_weighs_no_more_than_one_of_now() -> None:
    assert uses([vote(1.0, -5.0)], now=NOW, half_life_days=30) == 1.0


def test_the_oldest_votes_are_superfluous() -> None:
    votes = {str(age): vote(1.0, age) for age in range(MAX_VOTES + 3)}
    assert superfluous(votes) == [str(MAX_VOTES + 2), str(MAX_VOTES + 1), str(MAX_VOTES)]
    assert superfluous(dict(list(votes.items())[:MAX_VOTES])) == []
