"""Bounds the work in the service, measured in tokens."""

from collections.abc import Iterator
from contextlib import contextmanager

from ai_stack.service.errors import TooManyRequests

# Until a batch has been timed. MiniLM does some 4000 tokens a second on one core.
_FIRST_GUESS = 2000.0
_SMOOTHING = 0.1
_LONGEST_ADVICE = 60.0


class Hold:
    """Tokens that a request occupies."""

    def __init__(self, budget: "TokenBudget", tokens: int) -> None:
        self._budget = budget
        self.tokens = tokens

    def correct(self, tokens: int) -> None:
        """Replace the estimate by the real number. It may exceed the limit by what the estimate fell short."""
        self._budget.held += tokens - self.tokens
        self.tokens = tokens


class TokenBudget:
    """Counts the tokens of all requests that wait or run, and refuses what is too much.

    Args:
        limit: most tokens at a time. A single request may be larger: it is taken when nothing else is there, since
            it could never be otherwise.
        workers: calls of the engine at the same time, for the advice when to come back.
    """

    def __init__(self, limit: int, workers: int) -> None:
        self.held = 0
        self._limit = limit
        self._workers = workers
        self._tokens_per_second = _FIRST_GUESS

    @contextmanager
    def hold(self, tokens: int) -> Iterator[Hold]:
        """Occupy `tokens` for the time of the block.

        Raises:
            TooManyRequests: they would exceed the limit. `Retry-After` is when, at the present speed, half of what
                is there will be done.
        """
        if self.held and self.held + tokens > self._limit:
            half_done = self.held / 2 / (self._tokens_per_second * self._workers)
            raise TooManyRequests("the queue of texts is full", retry_after=min(half_done, _LONGEST_ADVICE))
        hold = Hold(self, tokens)
        self.held += tokens
        try:
            yield hold
        finally:
            self.held -= hold.tokens

    def observe(self, tokens: int, seconds: float) -> None:
        """Learn the speed of one worker from a call of the engine (exponential moving average)."""
        if seconds > 0:
            self._tokens_per_second += _SMOOTHING * (tokens / seconds - self._tokens_per_second)
