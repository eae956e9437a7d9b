from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ai_stack.service.breaker import CircuitBreaker, CircuitState, Permit

THRESHOLD = 3
RESET = 10.0


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def _breaker(clock: Clock | None = None) -> CircuitBreaker:
    return CircuitBreaker(failure_threshold=THRESHOLD, reset_timeout=RESET, clock=clock or Clock())


def _state(breaker: CircuitBreaker) -> CircuitState:
    # Through a function, since the type checker takes a property to stay as it was last seen.
    return breaker.state


def _permit(breaker: CircuitBreaker) -> Permit:
    permit = breaker.acquire()
    assert permit is not None
    return permit


def _fail(breaker: CircuitBreaker, times: int = 1) -> None:
    for _ in range(times):
        _permit(breaker).failure()


def _opened(clock: Clock) -> CircuitBreaker:
    breaker = _breaker(clock)
    _fail(breaker, THRESHOLD)
    assert _state(breaker) is CircuitState.OPEN
    return breaker


def test_consecutive_failures_open_the_circuit() -> None:
    breaker = _breaker()
    _fail(breaker, THRESHOLD - 1)
    assert _state(breaker) is CircuitState.CLOSED
    _fail(breaker)
    assert _state(breaker) is CircuitState.OPEN
    assert breaker.acquire() is None
    assert breaker.failures_total == THRESHOLD


def test_a_success_starts_the_count_anew() -> None:
    breaker = _breaker()
    _fail(breaker, THRESHOLD - 1)
    _permit(breaker).success()
    _fail(breaker, THRESHOLD - 1)
    assert _state(breaker) is CircuitState.CLOSED


def test_an_open_circuit_says_when_to_come_back() -> None:
    clock = Clock()
    breaker = _opened(clock)
    assert breaker.retry_after() == RESET
    clock.now += 4.0
    assert breaker.retry_after() == RESET - 4.0
    assert not breaker.admits()
    clock.now += 6.0
    assert breaker.retry_after() == 0.0
    assert breaker.admits()


def test_asking_whether_a_call_is_admitted_changes_nothing() -> None:
    clock = Clock()
    breaker = _opened(clock)
    clock.now += RESET
    assert breaker.admits()
    assert breaker.admits()
    assert _state(breaker) is CircuitState.OPEN


def test_a_second_probe_waits_for_the_first() -> None:
    clock = Clock()
    breaker = _opened(clock)
    clock.now += RESET
    with _permit(breaker) as probe:
        assert _state(breaker) is CircuitState.HALF_OPEN
        assert breaker.acquire() is None
        probe.success()
    assert _state(breaker) is CircuitState.CLOSED
    assert breaker.acquire() is not None


def test_a_failed_probe_opens_the_circuit_for_another_period() -> None:
    clock = Clock()
    breaker = _opened(clock)
    clock.now += RESET
    _permit(breaker).failure()
    assert _state(breaker) is CircuitState.OPEN
    assert breaker.retry_after() == RESET


def test_a_probe_without_a_verdict_leaves_its_place_to_the_next() -> None:
    clock = Clock()
    breaker = _opened(clock)
    clock.now += RESET
    with _permit(breaker):
        pass
    assert _state(breaker) is CircuitState.HALF_OPEN
    _permit(breaker).success()
    assert _state(breaker) is CircuitState.CLOSED


def test_a_late_success_does_not_close_a_circuit_that_opened_meanwhile() -> None:
    breaker = _breaker()
    early = _permit(breaker)
    _fail(breaker, THRESHOLD)
    early.success()
    assert _state(breaker) is CircuitState.OPEN


def test_a_late_outcome_does_not_take_the_place_of_the_probe() -> None:
    clock = Clock()
    breaker = _breaker(clock)
    early = _permit(breaker)
    _fail(breaker, THRESHOLD)
    clock.now += RESET
    _permit(breaker)
    early.failure()
    assert _state(breaker) is CircuitState.HALF_OPEN
    assert breaker.acquire() is None
    assert breaker.failures_total == THRESHOLD + 1


def test_only_the_first_verdict_counts() -> None:
    breaker = CircuitBreaker(failure_threshold=1, reset_timeout=RESET, clock=Clock())
    with _permit(breaker) as permit:
        permit.success()
        permit.failure()
    assert _state(breaker) is CircuitState.CLOSED
    assert breaker.failures_total == 0


def test_changes_and_failures_are_reported() -> None:
    clock = Clock()
    states: list[CircuitState] = []
    failures: list[None] = []
    breaker = CircuitBreaker(
        failure_threshold=2,
        reset_timeout=RESET,
        clock=clock,
        on_state_change=states.append,
        on_failure=lambda: failures.append(None),
    )
    _fail(breaker, 2)
    clock.now += RESET
    _permit(breaker).success()
    assert states == [CircuitState.OPEN, CircuitState.HALF_OPEN, CircuitState.CLOSED]
    assert len(failures) == 2


class AgainstTheModel(RuleBasedStateMachine):
    """The breaker against the same rules written down as plainly as possible, with calls that overlap."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.breaker = _breaker(self.clock)
        self.state = "closed"
        self.period = 0
        self.failures = 0
        self.total = 0
        self.opened_at = 0.0
        self.probe: Permit | None = None
        self.running: list[tuple[Permit, int]] = []

    def _turn(self, state: str) -> None:
        self.state = state
        self.period += 1
        self.failures = 0
        self.probe = None
        if state == "open":
            self.opened_at = self.clock.now

    @rule()
    def begin(self) -> None:
        due = self.state == "open" and self.clock.now >= self.opened_at + RESET
        expected = self.state == "closed" or due or (self.state == "half_open" and self.probe is None)
        assert self.breaker.admits() is expected
        permit = self.breaker.acquire()
        assert (permit is not None) is expected
        if permit is None:
            return
        if due:
            self._turn("half_open")
        if self.state == "half_open":
            self.probe = permit
        self.running.append((permit, self.period))

    @precondition(lambda self: self.running)
    @rule(data=st.data(), outcome=st.sampled_from(["success", "failure", "cancelled"]))
    def end(self, data: st.DataObject, outcome: str) -> None:
        permit, period = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        with permit:
            if outcome == "success":
                permit.success()
            elif outcome == "failure":
                permit.failure()
        self.total += outcome == "failure"
        if period != self.period:
            return
        self.probe = None
        if outcome == "cancelled":
            return
        if self.state == "half_open":
            self._turn("closed" if outcome == "success" else "open")
        elif outcome == "success":
            self.failures = 0
        else:
            self.failures += 1
            if self.failures >= THRESHOLD:
                self._turn("open")

    @rule(seconds=st.sampled_from([1.0, 5.0, RESET]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @invariant()
    def both_agree(self) -> None:
        assert self.breaker.state.name.lower() == self.state
        assert self.breaker.failures_total == self.total

    @invariant()
    def at_most_one_probe_runs(self) -> None:
        if self.state == "half_open":
            assert sum(period == self.period for _, period in self.running) <= 1


TestAgainstTheModel = AgainstTheModel.TestCase
