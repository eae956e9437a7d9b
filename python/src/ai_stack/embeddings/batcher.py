"""Runs the texts of many requests through an engine, in batches that form by themselves.

There is no waiting for a batch to fill: a free worker takes at once what is there. While all workers are busy, texts
gather, and the next batches are larger.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ai_stack.embeddings.engine import Engine, TokenIds, Vectors
from ai_stack.embeddings.fair_queue import FairQueue, Flow, Waiting
from ai_stack.service.errors import Unavailable
from ai_stack.service.tracing import span


@dataclass(frozen=True, slots=True)
class BatchReport:
    """What one call of the engine did."""

    texts: int
    tokens: int
    """Without padding."""
    padded_tokens: int
    seconds: float
    """Time in the engine."""


@dataclass(frozen=True, slots=True)
class Computed:
    """What became of a request."""

    vectors: Vectors
    """One row per text, in their order, not scaled to unit length."""
    queue_seconds: float
    """From its arrival until its first text was taken by a worker."""
    infer_seconds: float
    """From then until its last vector was there."""


class _Job(Flow):
    """A request in the batcher."""

    def __init__(self, client: str, texts: Sequence[TokenIds], dimensions: int) -> None:
        super().__init__(client)
        loop = asyncio.get_running_loop()
        self.texts = texts
        self.started: asyncio.Future[None] = loop.create_future()
        self.done: asyncio.Future[Vectors] = loop.create_future()
        self._vectors = np.empty((len(texts), dimensions), dtype=np.float32)
        self._missing = len(texts)

    def start(self) -> None:
        if not self.started.done():
            self.started.set_result(None)

    def fail(self, error: Exception) -> None:
        self.start()
        if not self.done.done():
            self.done.set_exception(error)

    def deliver(self, index: int, vector: NDArray[np.float32]) -> None:
        self._vectors[index] = vector
        self._missing -= 1
        if not self._missing and not self.done.done():
            self.done.set_result(self._vectors)

    def leave(self) -> None:
        """Nobody waits for the result any more."""
        if not self.done.cancel() and not self.done.cancelled():
            self.done.exception()  # looked at, so that the event loop does not complain


class Batcher:
    """Belongs to one event loop; only the engine runs elsewhere.

    Args:
        engine: computes the vectors.
        executor: where the engine is called, with at least `workers` threads.
        workers: calls of the engine at the same time.
        dimensions: length of a vector.
        batch_tokens: most tokens of a batch, padding included at its cost (a longer text goes alone).
        on_batch: told about each call of the engine.
        on_wait: told the seconds that a request waited until its first text was taken.
        clock: monotonic time in seconds.
    """

    def __init__(
        self,
        engine: Engine,
        executor: Executor,
        *,
        workers: int,
        dimensions: int,
        batch_tokens: int,
        on_batch: Callable[[BatchReport], None],
        on_wait: Callable[[float], None],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._engine = engine
        self._executor = executor
        self._idle = workers
        self._batch_tokens = batch_tokens
        self._dimensions = dimensions
        self._on_batch = on_batch
        self._on_wait = on_wait
        self._clock = clock
        self._queue: FairQueue[_Job] = FairQueue(engine.padding_cost)
        self._jobs: set[_Job] = set()
        self._closed = False

    @property
    def waiting(self) -> int:
        """Texts that wait for a worker."""
        return len(self._queue)

    async def submit(self, texts: Sequence[TokenIds], *, client: str) -> Computed:
        """Return the vectors of texts.

        When the caller is cancelled, what has not begun yet never will.

        Args:
            texts: token ids of each text, at least one text.
            client: who asks; clients get equal shares of the engine.

        Raises:
            Unavailable: the batcher is closed.
            Exception: what the engine raised for a batch with one of the texts.
        """
        if self._closed:
            raise Unavailable("the service is shutting down")
        job = _Job(client, texts, self._dimensions)
        submitted = self._clock()
        self._jobs.add(job)
        self._queue.open(job)
        try:
            for index, text in enumerate(texts):
                self._queue.push(job, index, len(text))
            self._dispatch()
            with span("embeddings.queue", texts=len(texts)):
                await job.started
            started = self._clock()
            self._on_wait(started - submitted)
            with span("embeddings.infer", texts=len(texts)):
                vectors = await job.done
            return Computed(vectors, started - submitted, self._clock() - started)
        finally:
            self._queue.close(job)
            self._jobs.discard(job)
            job.leave()

    def close(self) -> None:
        """Refuse new requests, and fail those that have not finished. Calls of the engine end by themselves."""
        self._closed = True
        self._fail(self._jobs, Unavailable("the service is shutting down"))

    def _dispatch(self) -> None:
        """Give every idle worker a batch, as long as texts wait."""
        loop = asyncio.get_running_loop()
        while self._idle and (batch := self._queue.pop_batch(self._batch_tokens)):
            for waiting in batch:
                waiting.flow.start()
            texts = [waiting.flow.texts[waiting.index] for waiting in batch]
            try:
                call = loop.run_in_executor(self._executor, self._run, texts)
            except RuntimeError as error:  # no thread to be had
                self._fail((waiting.flow for waiting in batch), error)
            else:
                self._idle -= 1
                call.add_done_callback(partial(self._finish, batch))

    def _run(self, texts: list[TokenIds]) -> tuple[Vectors, float]:
        begun = self._clock()
        vectors = self._engine.embed(texts)
        return vectors, self._clock() - begun

    def _finish(self, batch: list[Waiting[_Job]], call: asyncio.Future[tuple[Vectors, float]]) -> None:
        self._idle += 1
        try:
            vectors, seconds = call.result()
        except Exception as error:  # whatever it is, it belongs to the requests
            self._fail((waiting.flow for waiting in batch), error)
        else:
            for waiting, vector in zip(batch, vectors, strict=True):
                waiting.flow.deliver(waiting.index, vector)
            lengths = [waiting.length for waiting in batch]
            self._on_batch(BatchReport(len(batch), sum(lengths), max(lengths) * len(batch), seconds))
        self._dispatch()

    def _fail(self, jobs: Iterable[_Job], error: Exception) -> None:
        for job in jobs:
            self._queue.close(job)
            job.fail(error)
