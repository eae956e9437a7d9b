import asyncio
from collections.abc import Awaitable, Callable

import aiohttp
import pytest

from ai_stack.service.errors import NotFound, ServiceError
from ai_stack.service.resilience import (
    CircuitOpen,
    CircuitState,
    DependencyBusy,
    DependencyError,
    DependencyFailure,
    DependencyTimeout,
    DependencyUnavailable,
    Guard,
    GuardRegistry,
    Policy,
    deadline,
)
from support.waiting import PATIENCE


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Pauses:
    """Stands in for sleeping; the pause asked for is always the longest allowed."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.taken.append(seconds)
        await asyncio.sleep(0)

    def longest(self, _low: float, high: float) -> float:
        return high


def _guard(policy: Policy, clock: Clock | None = None, pauses: Pauses | None = None) -> Guard:
    pauses = pauses or Pauses()
    return Guard("store", policy, clock=clock or Clock(), sleep=pauses.sleep, uniform=pauses.longest)


class Script:
    """A dependency that answers its calls with the given outcomes in order, then with "done"."""

    def __init__(self, *outcomes: Exception) -> None:
        self.outcomes = list(outcomes)
        self.calls = 0

    async def __call__(self) -> str:
        self.calls += 1
        if self.outcomes:
            raise self.outcomes.pop(0)
        return "done"


async def _never() -> str:
    await asyncio.get_running_loop().create_future()
    raise AssertionError


def _state(guard: Guard) -> CircuitState:
    return guard.state


async def _fails(guard: Guard, fn: Callable[[], Awaitable[object]], kind: type[Exception], **options: float) -> None:
    with pytest.raises(kind):
        await guard.call(fn, **options)  # type: ignore[arg-type]


# Outcomes


async def test_the_result_is_handed_back() -> None:
    assert await _guard(Policy()).call(Script()) == "done"


@pytest.mark.parametrize(
    "failure", [ConnectionRefusedError(), aiohttp.ServerDisconnectedError(), DependencyFailure("nonsense")]
)
async def test_a_failure_is_named_after_the_dependency_without_its_text(failure: Exception) -> None:
    guard = _guard(Policy())
    with pytest.raises(DependencyUnavailable) as caught:
        await guard.call(Script(failure))
    assert (caught.value.status, caught.value.dependency) == (503, "store")
    assert caught.value.message == "store is unavailable"
    assert caught.value.__cause__ is failure
    assert guard.failures_total == 1


async def test_a_time_out_of_the_driver_is_a_failure_with_status_504() -> None:
    guard = _guard(Policy())
    with pytest.raises(DependencyTimeout) as caught:
        await guard.call(Script(aiohttp.ConnectionTimeoutError()))
    assert caught.value.status == 504
    assert guard.failures_total == 1


async def test_a_type_named_in_the_policy_means_failure() -> None:
    class DriverError(Exception): ...

    class OperationalError(DriverError): ...

    guard = _guard(Policy(failures=(OperationalError,)))
    await _fails(guard, Script(OperationalError()), DependencyUnavailable)
    await _fails(guard, Script(DriverError()), DriverError)
    assert guard.failures_total == 1


async def test_the_closest_base_class_decides_what_an_exception_means() -> None:
    class DriverError(Exception): ...

    class OperationalError(DriverError): ...

    class QueryCanceled(OperationalError): ...

    policy = Policy(failures=(OperationalError,), passthrough=(DriverError, QueryCanceled, FileNotFoundError))
    assert policy.meaning(DriverError()) == "answer"
    assert policy.meaning(OperationalError()) == "failure"
    assert policy.meaning(QueryCanceled()) == "answer"
    assert policy.meaning(FileNotFoundError()) == "answer"
    assert policy.meaning(PermissionError()) == "failure"
    assert policy.meaning(TypeError()) == "unrelated"


@pytest.mark.parametrize("error", [TypeError("bug"), NotFound("no such document"), CircuitOpen("other", retry_after=1)])
async def test_other_exceptions_pass_unchanged_unretried_and_uncounted(error: Exception) -> None:
    guard = _guard(Policy(failure_threshold=1))
    script = Script(error)
    with pytest.raises(type(error)) as caught:
        await guard.call(script, idempotent=True)
    assert caught.value is error
    assert script.calls == 1
    assert (guard.failures_total, guard.state) == (0, CircuitState.CLOSED)


async def test_an_answer_in_the_form_of_an_exception_counts_as_a_success() -> None:
    class Missing(Exception): ...

    guard = _guard(Policy(failure_threshold=2, passthrough=(Missing,)))
    await _fails(guard, Script(OSError()), DependencyUnavailable)
    await _fails(guard, Script(Missing()), Missing)
    await _fails(guard, Script(OSError()), DependencyUnavailable)
    assert guard.state is CircuitState.CLOSED


def test_dependency_errors_are_answers_of_the_service() -> None:
    for error in (
        DependencyUnavailable("store"),
        CircuitOpen("store", retry_after=2.5),
        DependencyBusy("store"),
        DependencyTimeout("store"),
    ):
        assert isinstance(error, DependencyError)
        assert isinstance(error, ServiceError)
    assert CircuitOpen("store", retry_after=2.5).headers == {"Retry-After": "3"}


# Retries


async def test_an_idempotent_call_is_retried_until_it_succeeds() -> None:
    pauses = Pauses()
    guard = _guard(Policy(attempts=3, backoff_initial=0.1, backoff_max=1.0), pauses=pauses)
    script = Script(OSError(), OSError())
    assert await guard.call(script, idempotent=True) == "done"
    assert script.calls == 3
    assert pauses.taken == [0.1, 0.2]


async def test_pauses_double_up_to_the_bound_and_attempts_end() -> None:
    pauses = Pauses()
    guard = _guard(Policy(attempts=5, backoff_initial=0.1, backoff_max=0.3, failure_threshold=99), pauses=pauses)
    script = Script(*(OSError() for _ in range(9)))
    await _fails(guard, script, DependencyUnavailable, idempotent=True)
    assert script.calls == 5
    assert pauses.taken == [0.1, 0.2, 0.3, 0.3]


async def test_pauses_are_random_from_zero_to_their_bound() -> None:
    bounds: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        bounds.append((low, high))
        return low

    pauses = Pauses()
    guard = Guard("store", Policy(attempts=3, backoff_initial=0.1), sleep=pauses.sleep, uniform=uniform)
    await _fails(guard, Script(OSError(), OSError(), OSError()), DependencyUnavailable, idempotent=True)
    assert bounds == [(0.0, 0.1), (0.0, 0.2)]
    assert pauses.taken == [0.0, 0.0]


async def test_a_call_that_is_not_idempotent_is_made_once() -> None:
    script = Script(OSError())
    await _fails(_guard(Policy(attempts=3)), script, DependencyUnavailable)
    assert script.calls == 1


async def test_what_would_fail_the_same_way_again_is_not_retried() -> None:
    script = Script(DependencyFailure("too large", retryable=False))
    await _fails(_guard(Policy()), script, DependencyUnavailable, idempotent=True)
    assert script.calls == 1


async def test_a_pause_that_the_dependency_asks_for_is_kept() -> None:
    pauses = Pauses()
    script = Script(DependencyFailure("busy", retry_after=0.7))
    guard = _guard(Policy(backoff_initial=0.1, backoff_max=1.0), pauses=pauses)
    assert await guard.call(script, idempotent=True) == "done"
    assert pauses.taken == [0.7]


async def test_a_long_pause_that_the_dependency_asks_for_is_left_to_the_client() -> None:
    script = Script(DependencyFailure("busy", retry_after=60))
    with pytest.raises(DependencyUnavailable) as caught:
        await _guard(Policy(backoff_max=1.0)).call(script, idempotent=True)
    assert script.calls == 1
    assert caught.value.headers == {"Retry-After": "60"}


async def test_no_retry_follows_once_the_circuit_is_open() -> None:
    script = Script(OSError(), OSError(), OSError())
    guard = _guard(Policy(attempts=3, failure_threshold=2))
    await _fails(guard, script, DependencyUnavailable, idempotent=True)
    assert script.calls == 2


async def test_a_pause_longer_than_the_time_left_is_not_begun() -> None:
    pauses = Pauses()
    script = Script(OSError())
    with deadline(0.5, clock=Clock()):
        await _fails(_guard(Policy(backoff_initial=1.0), pauses=pauses), script, DependencyUnavailable, idempotent=True)
    assert (script.calls, pauses.taken) == (1, [])


# Circuit


async def test_an_open_circuit_refuses_without_calling_and_a_probe_closes_it() -> None:
    clock = Clock()
    guard = _guard(Policy(failure_threshold=2, reset_timeout=5.0), clock)
    for _ in range(2):
        await _fails(guard, Script(OSError()), DependencyUnavailable)
    script = Script()
    with pytest.raises(CircuitOpen) as caught:
        await guard.call(script, idempotent=True)
    assert script.calls == 0
    assert caught.value.headers == {"Retry-After": "5"}
    clock.now += 5.0
    assert await guard.call(script) == "done"
    assert guard.state is CircuitState.CLOSED


async def test_calls_beside_a_probe_are_refused() -> None:
    clock = Clock()
    guard = _guard(Policy(failure_threshold=1), clock)
    await _fails(guard, Script(OSError()), DependencyUnavailable)
    clock.now += 5.0
    answered = asyncio.Event()
    probe = asyncio.create_task(guard.call(answered.wait))
    await asyncio.sleep(0)
    assert _state(guard) is CircuitState.HALF_OPEN
    await _fails(guard, Script(), CircuitOpen)
    answered.set()
    await probe
    assert _state(guard) is CircuitState.CLOSED


async def test_a_cancelled_probe_leaves_its_place_to_the_next_call() -> None:
    clock = Clock()
    guard = _guard(Policy(failure_threshold=1), clock)
    await _fails(guard, Script(OSError()), DependencyUnavailable)
    clock.now += 5.0
    probe = asyncio.create_task(guard.call(_never))
    await asyncio.sleep(0)
    probe.cancel()
    with pytest.raises(asyncio.CancelledError):
        await probe
    assert (_state(guard), guard.failures_total, guard.in_flight) == (CircuitState.HALF_OPEN, 1, 0)
    assert await guard.call(Script()) == "done"
    assert _state(guard) is CircuitState.CLOSED


async def test_calls_that_waited_for_a_place_are_refused_when_the_circuit_opened_meanwhile() -> None:
    guard = _guard(Policy(failure_threshold=1, max_concurrency=1))
    fail = asyncio.Event()

    async def failing() -> None:
        await fail.wait()
        raise OSError

    first = asyncio.create_task(guard.call(failing))
    script = Script()
    waiting = asyncio.create_task(guard.call(script))
    await asyncio.sleep(0)
    fail.set()
    with pytest.raises(DependencyUnavailable):
        await first
    with pytest.raises(CircuitOpen):
        await waiting
    assert script.calls == 0


# Time


async def test_an_attempt_ends_at_the_timeout_and_counts_as_a_failure() -> None:
    guard = _guard(Policy(timeout=0.01, failure_threshold=1))
    with pytest.raises(DependencyTimeout) as caught:
        await guard.call(_never)
    assert caught.value.status == 504
    assert (guard.state, guard.failures_total) == (CircuitState.OPEN, 1)


async def test_a_timeout_of_the_call_replaces_that_of_the_policy() -> None:
    guard = _guard(Policy(timeout=60))
    await _fails(guard, _never, DependencyTimeout, timeout=0.01)
    assert guard.failures_total == 1


async def test_a_driver_that_disguises_the_time_out_does_not_mislead_the_guard() -> None:
    class Interrupted(Exception): ...

    async def disguising() -> None:
        try:
            await _never()
        except asyncio.CancelledError:
            raise Interrupted from None

    guard = _guard(Policy(timeout=0.01))
    await _fails(guard, disguising, DependencyTimeout)
    assert guard.failures_total == 1


async def test_a_caller_out_of_time_is_told_so_without_a_call() -> None:
    guard = _guard(Policy(failure_threshold=1))
    script = Script()
    with deadline(0):
        await _fails(guard, script, DependencyTimeout)
    assert (script.calls, guard.state) == (0, CircuitState.CLOSED)


async def test_a_caller_with_hardly_any_time_left_does_not_open_the_circuit() -> None:
    guard = _guard(Policy(timeout=5.0, failure_threshold=1))
    with deadline(0.01):
        await _fails(guard, _never, DependencyTimeout, idempotent=True)
    assert (guard.state, guard.failures_total) == (CircuitState.CLOSED, 0)


async def test_a_deadline_that_left_half_the_timeout_does_open_the_circuit() -> None:
    guard = _guard(Policy(timeout=0.03, failure_threshold=1))
    with deadline(0.025):
        await _fails(guard, _never, DependencyTimeout)
    assert guard.state is CircuitState.OPEN


async def test_a_cancelled_call_ends_at_once_and_counts_neither_way() -> None:
    guard = _guard(Policy(failure_threshold=1))
    task = asyncio.create_task(guard.call(_never, idempotent=True))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (guard.state, guard.failures_total, guard.in_flight) == (CircuitState.CLOSED, 0, 0)


# Concurrency


async def _hold(guard: Guard, release: asyncio.Event, number: int) -> list[asyncio.Task[bool]]:
    tasks: list[asyncio.Task[bool]] = [asyncio.create_task(guard.call(release.wait)) for _ in range(number)]
    await asyncio.sleep(0)
    return tasks


async def test_calls_beyond_the_places_wait_and_calls_beyond_those_are_refused() -> None:
    guard = _guard(Policy(max_concurrency=2, max_waiting=1))
    release = asyncio.Event()
    tasks = await _hold(guard, release, 3)
    assert (guard.in_flight, guard.waiting) == (2, 1)
    script = Script()
    with pytest.raises(DependencyBusy) as caught:
        await guard.call(script, idempotent=True)
    assert (caught.value.status, script.calls) == (503, 0)
    assert caught.value.headers == {"Retry-After": "1"}
    release.set()
    assert await asyncio.gather(*tasks) == [True, True, True]
    assert (guard.in_flight, guard.waiting) == (0, 0)


async def test_whoever_waits_longer_than_the_timeout_is_told_busy() -> None:
    guard = _guard(Policy(timeout=60, max_concurrency=1, failure_threshold=1))
    release = asyncio.Event()
    tasks = await _hold(guard, release, 1)
    await _fails(guard, Script(), DependencyBusy, timeout=0.01)
    assert guard.state is CircuitState.CLOSED
    release.set()
    await asyncio.gather(*tasks)


async def test_waiting_counts_against_the_deadline() -> None:
    guard = _guard(Policy(timeout=60, max_concurrency=1, failure_threshold=1))
    release = asyncio.Event()
    tasks = await _hold(guard, release, 1)
    with deadline(0.01):
        await _fails(guard, Script(), DependencyTimeout)
    assert guard.state is CircuitState.CLOSED
    release.set()
    await asyncio.gather(*tasks)


async def test_cancelled_waiters_leak_no_place() -> None:
    guard = _guard(Policy(max_concurrency=2, max_waiting=10))
    release = asyncio.Event()
    tasks = await _hold(guard, release, 8)
    for task in tasks[1:7]:  # one that holds a place and five that wait
        task.cancel()
    release.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [result is True for result in results] == [True, *[False] * 6, True]
    assert (guard.in_flight, guard.waiting) == (0, 0)
    again = await _hold(guard, asyncio.Event(), 3)
    assert (guard.in_flight, guard.waiting) == (2, 1)
    for task in again:
        task.cancel()
    await asyncio.gather(*again, return_exceptions=True)


async def test_a_waiter_cancelled_at_the_moment_its_place_comes_free_passes_it_on() -> None:
    guard = _guard(Policy(max_concurrency=1))
    release = asyncio.Event()
    holder, unlucky, next_one = await _hold(guard, release, 3)
    release.set()
    await holder
    unlucky.cancel()
    assert await asyncio.wait_for(next_one, PATIENCE) is True
    await asyncio.gather(unlucky, return_exceptions=True)
    assert (guard.in_flight, guard.waiting) == (0, 0)


# Registry


class Recorder:
    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def state_changed(self, dependency: str, state: CircuitState) -> None:
        self.seen.append((dependency, state.name))

    def failed(self, dependency: str) -> None:
        self.seen.append((dependency, "failed"))


async def test_an_observer_hears_of_guards_old_and_new() -> None:
    registry = GuardRegistry()
    recorder = Recorder()
    registry.create("old", Policy())
    registry.observe(recorder)
    new = registry.create("new", Policy(failure_threshold=1))
    await _fails(new, Script(OSError()), DependencyUnavailable)
    assert recorder.seen == [("old", "CLOSED"), ("new", "CLOSED"), ("new", "failed"), ("new", "OPEN")]


async def test_an_observer_that_fails_does_not_change_the_outcome_of_a_call() -> None:
    class Broken(Recorder):
        def failed(self, dependency: str) -> None:
            raise RuntimeError

    registry = GuardRegistry()
    registry.observe(Broken())
    guard = registry.create("store", Policy(failure_threshold=1))
    await _fails(guard, Script(OSError()), DependencyUnavailable)
    assert guard.state is CircuitState.OPEN


async def test_the_snapshot_names_the_state_of_each_circuit() -> None:
    registry = GuardRegistry()
    registry.create("a", Policy())
    await _fails(registry.create("b", Policy(failure_threshold=1)), Script(OSError()), DependencyUnavailable)
    assert registry.snapshot() == {"a": "closed", "b": "open"}
    assert [guard.name for guard in registry] == ["a", "b"]


def test_a_dependency_has_one_guard() -> None:
    registry = GuardRegistry()
    registry.create("store", Policy())
    with pytest.raises(ValueError, match="store"):
        registry.create("store", Policy())


@pytest.mark.parametrize(
    "wrong", [{"timeout": 0}, {"attempts": 0}, {"max_concurrency": 0}, {"max_waiting": -1}, {"backoff_max": -0.1}]
)
def test_a_policy_out_of_range_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Policy(**wrong)  # type: ignore[arg-type]
