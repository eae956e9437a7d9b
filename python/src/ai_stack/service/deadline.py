"""The time that a piece of work has left, known everywhere below the place that set it.

A deadline informs, it does not interrupt: outgoing calls (`ai_stack.service.guard`) bound themselves by it. It is a
context variable, so tasks started inside the block inherit it.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple


class _Deadline(NamedTuple):
    expires: float
    clock: Callable[[], float]

    def remaining(self) -> float:
        return max(0.0, self.expires - self.clock())


_current: ContextVar[_Deadline | None] = ContextVar("deadline", default=None)


@contextmanager
def deadline(seconds: float, *, clock: Callable[[], float] = time.monotonic) -> Iterator[None]:
    """Give the block `seconds` to finish. Inside another deadline only the shorter of the two counts.

    Args:
        seconds: the budget; zero or less means that it is already used up.
        clock: monotonic time in seconds.
    """
    outer = remaining()
    budget = seconds if outer is None else min(seconds, outer)
    token = _current.set(_Deadline(clock() + budget, clock))
    try:
        yield
    finally:
        _current.reset(token)


def remaining() -> float | None:
    """Return the seconds left (never negative), or None when no deadline is set."""
    current = _current.get()
    return None if current is None else current.remaining()
