import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_stack.service.ratelimit import Limit, RateLimiter

SECOND = 1_000_000_000


class Clock:
    now = 5 * SECOND

    def __call__(self) -> int:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += round(seconds * SECOND)


def _limiter(clock: Clock, *, rate: float = 60, burst: int = 3, max_keys: int = 100) -> RateLimiter:
    return RateLimiter({"interactive": Limit(rate, burst)}, max_keys=max_keys, clock=clock)


def _admitted(limiter: RateLimiter, key: str, times: int) -> int:
    return sum(limiter.check(key, "interactive") is None for _ in range(times))


def test_a_burst_is_admitted_and_what_exceeds_it_refused_with_the_time_to_wait() -> None:
    clock = Clock()
    limiter = _limiter(clock)
    assert _admitted(limiter, "a", 3) == 3
    assert limiter.check("a", "interactive") == pytest.approx(1.0)
    clock.advance(0.25)
    assert limiter.check("a", "interactive") == pytest.approx(0.75)


def test_after_the_announced_wait_a_request_is_admitted() -> None:
    clock = Clock()
    limiter = _limiter(clock)
    _admitted(limiter, "a", 3)
    wait = limiter.check("a", "interactive")
    assert wait is not None
    clock.advance(wait)
    assert _admitted(limiter, "a", 2) == 1


def test_refused_requests_do_not_prolong_the_wait() -> None:
    clock = Clock()
    limiter = _limiter(clock)
    assert _admitted(limiter, "a", 1000) == 3
    clock.advance(1.0)
    assert _admitted(limiter, "a", 1000) == 1


def test_a_pause_brings_back_the_burst_and_no_more() -> None:
    clock = Clock()
    limiter = _limiter(clock)
    _admitted(limiter, "a", 3)
    clock.advance(3600.0)
    assert _admitted(limiter, "a", 10) == 3


def test_clients_do_not_share_a_limit() -> None:
    limiter = _limiter(Clock())
    assert _admitted(limiter, "a", 5) == 3
    assert _admitted(limiter, "b", 5) == 3


def test_classes_of_routes_do_not_share_a_limit() -> None:
    limiter = RateLimiter({"interactive": Limit(60, 1), "ingest": Limit(600, 2)}, clock=Clock())
    assert [limiter.check("a", "interactive") is None for _ in range(2)] == [True, False]
    assert [limiter.check("a", "ingest") is None for _ in range(3)] == [True, True, False]


def test_a_class_without_a_limit_admits_everything_and_remembers_nobody() -> None:
    limiter = RateLimiter({}, clock=Clock())
    assert _admitted(limiter, "a", 1000) == 1000
    assert len(limiter) == 0


def test_countless_names_cannot_give_a_limited_client_a_fresh_bucket() -> None:
    limiter = _limiter(Clock(), max_keys=10)
    assert _admitted(limiter, "abuser", 5) == 3
    for number in range(1000):
        limiter.check(f"helper {number}", "interactive")
    assert _admitted(limiter, "abuser", 5) == 0


def test_countless_names_do_not_take_anything_from_a_client_known_before() -> None:
    limiter = _limiter(Clock(), max_keys=10)
    assert _admitted(limiter, "honest", 1) == 1
    for number in range(1000):
        limiter.check(f"attacker {number}", "interactive")
    assert _admitted(limiter, "honest", 5) == 2


def test_names_beyond_the_table_get_one_bucket_together() -> None:
    limiter = _limiter(Clock(), max_keys=10)
    assert sum(_admitted(limiter, f"attacker {number}", 1) for number in range(1000)) == 10 + 3


def test_newcomers_get_in_as_soon_as_somebody_is_idle() -> None:
    clock = Clock()
    limiter = _limiter(clock, max_keys=2)
    _admitted(limiter, "a", 1)
    _admitted(limiter, "b", 3)
    clock.advance(1.0)
    assert _admitted(limiter, "c", 5) == 3
    assert _admitted(limiter, "b", 5) == 1
    assert len(limiter) == 2


@pytest.mark.parametrize(("rate", "burst"), [(0, 1), (-1, 1), (60, 0)])
def test_a_limit_that_admits_nothing_is_refused(rate: float, burst: int) -> None:
    with pytest.raises(ValueError, match="positive"):
        Limit(rate, burst)


def test_a_table_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="max_keys"):
        RateLimiter({}, max_keys=0)


PAUSES = st.lists(st.integers(0, 3 * SECOND), max_size=120)
LIMITS = st.builds(Limit, st.floats(1, 6000), st.integers(1, 20))


@given(limit=LIMITS, pauses=PAUSES)
def test_in_no_window_is_more_admitted_than_burst_plus_rate_times_its_length(limit: Limit, pauses: list[int]) -> None:
    clock = Clock()
    limiter = RateLimiter({"interactive": limit}, clock=clock)
    admitted: list[int] = []
    for pause in pauses:
        clock.now += pause
        if limiter.check("a", "interactive") is None:
            admitted.append(clock.now)
    for first in range(len(admitted)):
        for last in range(first, len(admitted)):
            seconds = (admitted[last] - admitted[first]) / SECOND
            assert last - first + 1 <= limit.burst + limit.rate_per_minute / 60 * seconds + 1e-6


@given(limit=LIMITS, pauses=PAUSES)
def test_the_announced_wait_is_exact(limit: Limit, pauses: list[int]) -> None:
    clock = Clock()
    limiter = RateLimiter({"interactive": limit}, clock=clock)
    for pause in pauses:
        clock.now += pause
        wait = limiter.check("a", "interactive")
        if wait is not None:
            assert wait > 0
            clock.now += round(wait * SECOND) - 1
            assert limiter.check("a", "interactive") == pytest.approx(1 / SECOND)
            clock.now += 1
            assert limiter.check("a", "interactive") is None


@given(
    max_keys=st.integers(1, 5),
    steps=st.lists(st.tuples(st.integers(0, 2 * SECOND), st.integers(0, 20)), max_size=200),
)
def test_memory_is_bounded_and_forgetting_never_favours_anybody(max_keys: int, steps: list[tuple[int, int]]) -> None:
    clock = Clock()
    limiter = _limiter(clock, burst=2, max_keys=max_keys)
    unbounded = _limiter(clock, burst=2, max_keys=10_000)
    extra = 0
    for pause, number in steps:
        clock.now += pause
        remembered = limiter.check(str(number), "interactive") is None
        alone = unbounded.check(str(number), "interactive") is None
        extra += remembered and not alone
        assert len(limiter) <= max_keys
    # Only the shared bucket can admit what a bucket of one's own would not have.
    assert extra <= 2 + sum(pause for pause, _ in steps) / SECOND
