"""One protected way to a dependency: retry, circuit breaker, bulkhead and timeout, in this order from outside in.

Why not a retry library: pauses must fit the caller's deadline and a failure must be told from a refusal of our own
(open circuit, full bulkhead); with those rules the loop below is what remains.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

import aiohttp

from ai_stack.service.breaker import CircuitBreaker, CircuitState, Permit
from ai_stack.service.bulkhead import Bulkhead, BulkheadFull, BulkheadTimeout
from ai_stack.service.deadline import remaining
from ai_stack.service.dependency_errors import (
    CircuitOpen,
    DependencyBusy,
    DependencyError,
    DependencyFailure,
    DependencyTimeout,
    DependencyUnavailable,
)
from ai_stack.service.logs import get_logger

T = TypeVar("T")

log = get_logger(__name__)

# TimeoutError is an OSError; aiohttp's and asyncio's time-outs are TimeoutErrors.
_FAILURES: tuple[type[Exception], ...] = (OSError, aiohttp.ClientError, DependencyFailure)

# An attempt cut short by the caller's deadline is held against the dependency only if it had at least this share of
# the time that the policy grants. Otherwise a caller with 10 ms left would open the circuit of a healthy dependency.
# If such attempts never counted, callers whose deadlines are all shorter than the policy's timeout would hang on a dead
# dependency forever without opening it.
FAIR_SHARE = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """How a dependency is called.

    OSError (with it every time-out), aiohttp.ClientError and DependencyFailure mean that the dependency failed. Every
    other exception is the caller's own affair: raised unchanged, never retried, counted neither way. Of several types
    that fit an exception, in `failures` or `passthrough`, the closest base class decides.

    Attributes:
        timeout: seconds for one attempt; also the longest wait for a place among the calls in flight.
        attempts: attempts altogether for an idempotent call.
        backoff_initial: upper bound in seconds of the first pause; it doubles with each attempt.
        backoff_max: upper bound in seconds of every pause.
        failure_threshold: consecutive failed attempts that open the circuit.
        reset_timeout: seconds that an open circuit waits before it lets a probe through.
        max_concurrency: attempts in flight at once.
        max_waiting: attempts that may wait for a place.
        failures: further exception types that mean failure (a driver's connection error).
        passthrough: exception types that are an answer: raised unchanged, counted as a success.

    Raises:
        ValueError: a number out of range.
    """

    timeout: float = 5.0
    attempts: int = 3
    backoff_initial: float = 0.05
    backoff_max: float = 1.0
    failure_threshold: int = 5
    reset_timeout: float = 5.0
    max_concurrency: int = 32
    max_waiting: int = 128
    failures: tuple[type[Exception], ...] = ()
    passthrough: tuple[type[Exception], ...] = ()

    def __post_init__(self) -> None:
        for name in ("timeout", "attempts", "failure_threshold", "reset_timeout", "max_concurrency"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be positive")
        for name in ("backoff_initial", "backoff_max", "max_waiting"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative")

    def meaning(self, error: Exception) -> Literal["failure", "answer", "unrelated"]:
        """Say what an exception raised by the guarded function tells about the dependency."""
        for kind in type(error).__mro__:
            if kind in self.passthrough:
                return "answer"
            if kind in _FAILURES or kind in self.failures:
                return "failure"
        return "unrelated"


class GuardObserver(Protocol):
    """Told what happens to dependencies, for instance to keep metrics. Must return at once."""

    def state_changed(self, dependency: str, state: CircuitState) -> None:
        """The circuit is in `state` now. Also called once per guard with the state found when observing begins."""

    def failed(self, dependency: str) -> None:
        """An attempt failed and counts as a failure of the dependency."""


class _Failed(Exception):
    """One attempt failed; carries what the caller will see if no other follows."""

    def __init__(self, error: DependencyError, cause: Exception) -> None:
        super().__init__()
        self.error = error
        self.cause = cause
        self.retryable = not isinstance(cause, DependencyFailure) or cause.retryable
        self.retry_after = cause.retry_after if isinstance(cause, DependencyFailure) else None


class Guard:
    """Protects every call to one dependency. Belongs to one event loop.

    Args:
        name: of the dependency, in errors, logs and metrics.
        policy: how it is called.
        observers: told about failures and state changes; the sequence may grow later.
        clock: monotonic time in seconds, for the circuit breaker.
        sleep: waits between attempts.
        uniform: random number between two bounds.
    """

    def __init__(
        self,
        name: str,
        policy: Policy,
        *,
        observers: Sequence[GuardObserver] = (),
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self.name = name
        self.policy = policy
        self._observers = observers
        self._sleep = sleep
        self._uniform = uniform
        self._breaker = CircuitBreaker(
            failure_threshold=policy.failure_threshold,
            reset_timeout=policy.reset_timeout,
            clock=clock,
            on_state_change=self._state_changed,
            on_failure=self._failed,
        )
        self._bulkhead = Bulkhead(max_concurrency=policy.max_concurrency, max_waiting=policy.max_waiting)

    @property
    def state(self) -> CircuitState:
        """State of the circuit."""
        return self._breaker.state

    @property
    def failures_total(self) -> int:
        """Failed attempts since the start."""
        return self._breaker.failures_total

    @property
    def in_flight(self) -> int:
        """Attempts running now."""
        return self._bulkhead.in_use

    @property
    def waiting(self) -> int:
        """Attempts waiting for a place."""
        return self._bulkhead.waiting

    async def call(
        self, fn: Callable[[], Awaitable[T]], *, idempotent: bool = False, timeout: float | None = None
    ) -> T:
        """Call `fn` and return its result.

        The deadline of the caller (`ai_stack.service.deadline`) bounds the whole: waiting, attempts and pauses. A
        cancellation ends the call at once and counts neither as a success nor as a failure.

        Args:
            fn: makes one attempt; awaited anew for each.
            idempotent: making the call twice does no harm, so it may be retried.
            timeout: seconds for one attempt instead of the policy's.

        Raises:
            DependencyUnavailable: the dependency failed, in each attempt.
            DependencyTimeout: it did not answer in time, or the caller's deadline ran out.
            CircuitOpen: it is not called for now.
            DependencyBusy: too many calls in flight.
            Exception: what `fn` raised, unless it means failure (see `Policy`).
        """
        limit = self.policy.timeout if timeout is None else timeout
        attempts = self.policy.attempts if idempotent else 1
        attempt = 1
        while True:
            try:
                return await self._attempt(fn, limit)
            except _Failed as failed:
                pause = self._pause(attempt, failed) if attempt < attempts else None
                if pause is None:
                    raise failed.error from failed.cause
            await self._sleep(pause)
            attempt += 1

    def _pause(self, attempt: int, failed: _Failed) -> float | None:
        """Seconds before the next attempt, None when there must not be one.

        "Full jitter": M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
        """
        if not failed.retryable or not self._breaker.admits():
            return None
        cap = min(self.policy.backoff_max, self.policy.backoff_initial * 2.0 ** min(attempt - 1, 64))
        pause = self._uniform(0.0, cap)
        if failed.retry_after is not None:
            if failed.retry_after > self.policy.backoff_max:
                return None
            pause = max(pause, failed.retry_after)
        left = remaining()
        return pause if left is None or pause < left else None

    async def _attempt(self, fn: Callable[[], Awaitable[T]], limit: float) -> T:
        if not self._breaker.admits():
            raise CircuitOpen(self.name, retry_after=self._breaker.retry_after())
        left = remaining()
        if left == 0.0:
            raise DependencyTimeout(self.name)
        wait = limit if left is None else min(limit, left)
        try:
            async with self._bulkhead.place(wait=wait):
                # Asked again: the circuit may have opened while this attempt waited.
                permit = self._breaker.acquire()
                if permit is None:
                    raise CircuitOpen(self.name, retry_after=self._breaker.retry_after())
                with permit:
                    return await self._run(fn, limit, permit)
        except BulkheadFull:
            raise DependencyBusy(self.name) from None
        except BulkheadTimeout:
            # The dependency is not to blame: attempts that hold the places are judged by their own outcome.
            if wait == limit:
                raise DependencyBusy(self.name) from None
            raise DependencyTimeout(self.name) from None

    async def _run(self, fn: Callable[[], Awaitable[T]], limit: float, permit: Permit) -> T:
        left = remaining()
        allowed = limit if left is None else min(limit, left)
        try:
            async with asyncio.timeout(allowed) as scope:
                result = await fn()
        except Exception as error:
            meaning = self.policy.meaning(error)
            if meaning == "answer":
                permit.success()
                raise
            # Some drivers turn the cancellation that a time-out is into an exception of their own.
            if scope.expired():
                if allowed >= FAIR_SHARE * limit:
                    permit.failure()
                raise _Failed(DependencyTimeout(self.name), error) from error
            if meaning == "unrelated":
                raise
            permit.failure()
            if isinstance(error, TimeoutError):
                raise _Failed(DependencyTimeout(self.name), error) from error
            hint = error.retry_after if isinstance(error, DependencyFailure) else None
            raise _Failed(DependencyUnavailable(self.name, retry_after=hint), error) from error
        permit.success()
        return result

    def _state_changed(self, state: CircuitState) -> None:
        level = log.info if state is CircuitState.CLOSED else log.warning
        level("circuit_breaker.state_changed", dependency=self.name, state=state.name.lower())
        self._notify(lambda observer: observer.state_changed(self.name, state))

    def _failed(self) -> None:
        self._notify(lambda observer: observer.failed(self.name))

    def _notify(self, tell: Callable[[GuardObserver], None]) -> None:
        for observer in self._observers:
            try:
                tell(observer)
            except Exception:
                # A call must not fail because counting it does.
                log.exception("guard.observer_failed", dependency=self.name)
