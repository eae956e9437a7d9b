import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_stack.embeddings.admission import TokenBudget
from ai_stack.service.errors import TooManyRequests


def test_work_beyond_the_limit_is_refused_until_some_is_done() -> None:
    budget = TokenBudget(100, workers=1)
    with budget.hold(60):
        with pytest.raises(TooManyRequests, match="queue of texts is full"), budget.hold(41):
            pass
        with budget.hold(40):
            assert budget.held == 100
    with budget.hold(100):
        assert budget.held == 100
    assert budget.held == 0


def test_a_request_larger_than_the_limit_is_taken_when_it_is_alone() -> None:
    budget = TokenBudget(100, workers=1)
    with budget.hold(500), pytest.raises(TooManyRequests), budget.hold(1):
        pass
    with budget.hold(1), pytest.raises(TooManyRequests), budget.hold(500):
        pass


def test_the_advice_follows_the_measured_speed() -> None:
    def advice(budget: TokenBudget) -> int:
        with budget.hold(90_000), pytest.raises(TooManyRequests) as caught, budget.hold(10_001):
            pass
        return int(caught.value.headers["Retry-After"])

    budget = TokenBudget(100_000, workers=2)
    for _ in range(200):
        budget.observe(tokens=5_000, seconds=1.0)
    assert advice(budget) == 5
    for _ in range(200):
        budget.observe(tokens=1, seconds=1.0)
    assert advice(budget) == 60
    budget.observe(tokens=10, seconds=0.0)
    for _ in range(200):
        budget.observe(tokens=10**9, seconds=1.0)
    assert advice(budget) == 1


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(1, 50)), max_size=20))
def test_corrections_leave_no_trace(requests: list[tuple[int, int]]) -> None:
    budget = TokenBudget(10**9, workers=1)
    with budget.hold(5):
        for estimate, real in requests:
            with budget.hold(estimate) as hold:
                hold.correct(real)
                assert budget.held == 5 + real
    assert budget.held == 0
