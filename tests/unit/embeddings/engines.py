"""Engines for tests: vectors that can be predicted, and calls that the test lets through one by one."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from typing import Any, ParamSpec, TypeVar

import numpy as np

from ai_stack.embeddings.engine import TokenIds, Vectors

P = ParamSpec("P")
T = TypeVar("T")

DIMENSIONS = 3


def expected(text: TokenIds) -> list[float]:
    """What `FakeEngine` computes."""
    return [float(text.sum()), float(len(text)), float(text[0])]


class FakeEngine:
    """Computes `expected`; texts that contain `poison` make the whole call fail."""

    padding_cost = 1.0

    def __init__(self, poison: int | None = None) -> None:
        self.calls: list[list[list[int]]] = []
        self._poison = poison
        self._lock = threading.Lock()

    def embed(self, texts: Sequence[TokenIds]) -> Vectors:
        """See `Engine.embed`."""
        with self._lock:
            self.calls.append([text.tolist() for text in texts])
        if any(self._poison in text for text in texts):
            raise RuntimeError("poisoned")
        return np.array([expected(text) for text in texts], dtype=np.float32)


class ManualExecutor(Executor):
    """Runs a call when the test says so."""

    def __init__(self) -> None:
        self.pending: deque[Callable[[], None]] = deque()
        self.refuse = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Keep the call."""
        if self.refuse:
            raise RuntimeError("can't start new thread")
        future: Future[T] = Future()

        def run() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except Exception as error:
                future.set_exception(error)

        self.pending.append(run)
        return future

    def run_one(self, number: int = 0) -> None:
        """Run one of the calls that are kept."""
        self.pending.rotate(-number)
        run = self.pending.popleft()
        self.pending.rotate(number)
        run()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> Any:
        """Nothing to stop."""
