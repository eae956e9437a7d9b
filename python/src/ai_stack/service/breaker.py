"""Circuit breaker: stop calling what keeps failing, and ask now and then whether it is back.

Closed, open and half-open as described by M. Nygard, "Release It!" (2nd ed. 2018, section 5.2). It counts consecutive
failures. In the half-open state exactly one call, the probe, is let through.

An object belongs to one event loop. Nothing here awaits, hence nothing needs a lock.
"""

import time
from collections.abc import Callable
from enum import IntEnum
from types import TracebackType
from typing import Self


class CircuitState(IntEnum):
    """The values are those of the metric `<prefix>_circuit_breaker_state`."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


class CircuitBreaker:
    """Decides who may call and learns from the outcomes.

    The state turns from open to half-open when the first call after `reset_timeout` asks, not by itself.

    Args:
        failure_threshold: consecutive failures that open the circuit.
        reset_timeout: seconds in the open state before a probe is let through.
        clock: monotonic time in seconds.
        on_state_change: called with the new state after each change.
        on_failure: called for each failure reported, in any state.
    """

    def __init__(
        self,
        *,
        failure_threshold: int,
        reset_timeout: float,
        clock: Callable[[], float] = time.monotonic,
        on_state_change: Callable[[CircuitState], None] = lambda _state: None,
        on_failure: Callable[[], None] = lambda: None,
    ) -> None:
        self._failure_threshold = failure_threshold
        self._reset_timeout = reset_timeout
        self._clock = clock
        self._on_state_change = on_state_change
        self._on_failure = on_failure
        self._state = CircuitState.CLOSED
        self._epoch = 0
        self._consecutive_failures = 0
        self._failures_total = 0
        self._opened_at = 0.0
        self._probing = False

    @property
    def state(self) -> CircuitState:
        """The current state."""
        return self._state

    @property
    def failures_total(self) -> int:
        """Failures reported since the start."""
        return self._failures_total

    def retry_after(self) -> float:
        """Return the seconds until a probe may be let through; 0 unless the circuit is open."""
        if self._state is not CircuitState.OPEN:
            return 0.0
        return max(0.0, self._opened_at + self._reset_timeout - self._clock())

    def admits(self) -> bool:
        """Whether `acquire` would give a permit now. Changes nothing."""
        if self._state is CircuitState.OPEN:
            return self.retry_after() == 0.0
        return not self._probing

    def acquire(self) -> "Permit | None":
        """Return the permit for one call, or None when the call must not be made.

        The permit must be used as a context manager: leaving the block without a verdict frees a probe's place.
        """
        if not self.admits():
            return None
        if self._state is CircuitState.OPEN:
            self._enter(CircuitState.HALF_OPEN)
        self._probing = self._state is CircuitState.HALF_OPEN
        return Permit(self, self._epoch)

    def _enter(self, state: CircuitState) -> None:
        self._state = state
        self._epoch += 1
        self._consecutive_failures = 0
        self._probing = False
        if state is CircuitState.OPEN:
            self._opened_at = self._clock()
        self._on_state_change(state)

    def _settle(self, epoch: int, succeeded: bool | None) -> None:
        if succeeded is False:
            self._failures_total += 1
            self._on_failure()
        # A call that began in an earlier state says nothing about the dependency as it is now.
        if epoch != self._epoch:
            return
        self._probing = False
        if succeeded is None:
            return
        if self._state is CircuitState.HALF_OPEN:
            self._enter(CircuitState.CLOSED if succeeded else CircuitState.OPEN)
        elif succeeded:
            self._consecutive_failures = 0
        else:
            self._consecutive_failures += 1
            if self._consecutive_failures >= self._failure_threshold:
                self._enter(CircuitState.OPEN)


class Permit:
    """Leave to make one call; takes one verdict. No verdict (cancelled, a bug) counts as neither."""

    def __init__(self, breaker: CircuitBreaker, epoch: int) -> None:
        self._breaker = breaker
        self._epoch = epoch
        self._settled = False

    def success(self) -> None:
        """The dependency answered as it should."""
        self._settle(succeeded=True)

    def failure(self) -> None:
        """The dependency failed."""
        self._settle(succeeded=False)

    def _settle(self, *, succeeded: bool | None) -> None:
        if not self._settled:
            self._settled = True
            self._breaker._settle(self._epoch, succeeded)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._settle(succeeded=None)
