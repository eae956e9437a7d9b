import asyncio
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_stack.embeddings.batcher import Batcher, BatchReport, Computed
from ai_stack.embeddings.engine import TokenIds
from ai_stack.service.errors import Unavailable
from unit.embeddings.engines import DIMENSIONS, FakeEngine, ManualExecutor, expected

POISON = 666


class Bench:
    """A batcher whose engine calls the test lets through."""

    def __init__(self, *, workers: int = 1, batch_tokens: int = 64, poison: int | None = None) -> None:
        self.engine = FakeEngine(poison)
        self.executor = ManualExecutor()
        self.reports: list[BatchReport] = []
        self.waits: list[float] = []
        self.time = 0.0
        self.batcher = Batcher(
            self.engine,
            self.executor,
            workers=workers,
            dimensions=DIMENSIONS,
            batch_tokens=batch_tokens,
            on_batch=self.reports.append,
            on_wait=self.waits.append,
            clock=lambda: self.time,
        )

    def submit(self, texts: Sequence[TokenIds], client: str = "client") -> asyncio.Task[Computed]:
        return asyncio.create_task(self.batcher.submit(texts, client=client))

    async def run_all(self) -> None:
        await settle()
        while self.executor.pending:
            self.executor.run_one()
            await settle()


async def settle() -> None:
    """Let everything happen that waits for nothing."""
    for _ in range(12):
        await asyncio.sleep(0)


def text(*ids: int) -> TokenIds:
    return np.array(ids, dtype=np.int64)


def assert_right(computed: Computed, texts: Sequence[TokenIds]) -> None:
    vectors = computed.vectors
    assert vectors.dtype == np.float32
    assert vectors.tolist() == [expected(each) for each in texts]


async def test_an_idle_engine_starts_at_once() -> None:
    bench = Bench()
    task = bench.submit([text(1, 2)])
    await asyncio.sleep(0)
    assert len(bench.executor.pending) == 1
    assert bench.batcher.waiting == 0
    await bench.run_all()
    assert_right(await task, [text(1, 2)])


async def test_texts_gather_while_the_engine_is_busy() -> None:
    bench = Bench()
    first = bench.submit([text(1, 1)])
    await settle()
    later = [bench.submit([text(number, 1)]) for number in range(2, 12)]
    await settle()
    assert bench.batcher.waiting == 10
    await bench.run_all()
    assert [len(call) for call in bench.engine.calls] == [1, 10]
    for number, task in enumerate([first, *later], start=1):
        assert_right(await task, [text(number, 1)])


async def test_a_request_larger_than_a_batch_is_spread_over_the_workers() -> None:
    bench = Bench(workers=2, batch_tokens=8)
    texts = [text(number, 0, 0, 0) for number in range(1, 6)]
    task = bench.submit(texts)
    await settle()
    assert len(bench.executor.pending) == 2
    await bench.run_all()
    assert_right(await task, texts)
    assert [len(call) for call in bench.engine.calls] == [2, 2, 1]


async def test_results_keep_their_order_when_batches_end_in_another() -> None:
    bench = Bench(workers=3, batch_tokens=1)
    texts = [text(*range(1, length + 1)) for length in (5, 30, 12)]
    task = bench.submit(texts)
    await settle()
    for number in (2, 0, 0):
        bench.executor.run_one(number)
        await settle()
    assert_right(await task, texts)


async def test_a_cancelled_request_that_waits_never_reaches_the_engine() -> None:
    bench = Bench()
    first = bench.submit([text(1)])
    await settle()
    gone = bench.submit([text(2), text(3)])
    stays = bench.submit([text(4)])
    await settle()
    gone.cancel()
    await bench.run_all()
    assert bench.engine.calls == [[[1]], [[4]]]
    assert gone.cancelled()
    assert_right(await first, [text(1)])
    assert_right(await stays, [text(4)])


async def test_a_request_cancelled_while_it_runs_disturbs_nobody() -> None:
    bench = Bench(batch_tokens=64)
    busy = bench.submit([text(9)])
    await settle()
    gone, stays = bench.submit([text(1)]), bench.submit([text(2)])
    await settle()
    bench.executor.run_one()
    await settle()
    gone.cancel()
    await bench.run_all()
    assert bench.engine.calls == [[[9]], [[1], [2]]]
    assert_right(await stays, [text(2)])
    assert_right(await busy, [text(9)])


async def test_a_failed_call_fails_its_requests_and_no_others() -> None:
    bench = Bench(batch_tokens=2, poison=POISON)
    bad = bench.submit([text(POISON), text(1), text(1), text(1)])
    await settle()
    good = bench.submit([text(5)])
    await bench.run_all()
    with pytest.raises(RuntimeError, match="poisoned"):
        await bad
    assert_right(await good, [text(5)])
    assert sum(len(call) for call in bench.engine.calls) <= 3


async def test_a_failure_after_the_caller_has_left_is_silent() -> None:
    bench = Bench(poison=POISON)
    gone = bench.submit([text(POISON)])
    await settle()
    gone.cancel()
    await bench.run_all()
    assert gone.cancelled()


async def test_without_a_thread_the_request_fails_and_the_worker_stays_usable() -> None:
    bench = Bench()
    bench.executor.refuse = True
    with pytest.raises(RuntimeError, match="new thread"):
        await bench.submit([text(1)])
    bench.executor.refuse = False
    task = bench.submit([text(2)])
    await bench.run_all()
    assert_right(await task, [text(2)])


async def test_closing_refuses_what_waits_and_what_comes() -> None:
    bench = Bench()
    running, waiting = bench.submit([text(1)]), bench.submit([text(2)])
    await settle()
    bench.batcher.close()
    for task in (running, waiting):
        with pytest.raises(Unavailable, match="shutting down"):
            await task
    with pytest.raises(Unavailable, match="shutting down"):
        await bench.batcher.submit([text(3)], client="client")
    await bench.run_all()
    assert bench.engine.calls == [[[1]]]


async def test_waiting_and_batches_are_reported() -> None:
    bench = Bench(batch_tokens=64)
    first = bench.submit([text(1)])
    await settle()
    second = bench.submit([text(1, 2, 3), text(4, 5)])
    await settle()
    bench.time = 2.5
    await bench.run_all()
    computed = await asyncio.gather(first, second)
    assert bench.waits == [0.0, 2.5]
    assert [(each.queue_seconds, each.infer_seconds) for each in computed] == [(0.0, 2.5), (2.5, 0.0)]
    assert [(report.texts, report.tokens, report.padded_tokens) for report in bench.reports] == [
        (1, 1, 1),
        (2, 5, 6),
    ]


request = st.tuples(
    st.sampled_from(["a", "b"]),
    st.lists(st.integers(1, 12), min_size=1, max_size=5),
    st.none() | st.integers(0, 12),
)


@settings(max_examples=80, deadline=None)
@given(
    requests=st.lists(request, min_size=1, max_size=8),
    workers=st.integers(1, 3),
    batch_tokens=st.integers(1, 40),
    choices=st.lists(st.integers(0, 5), max_size=60),
)
def test_nothing_is_lost_doubled_or_mixed_up_whenever_callers_leave(
    requests: list[tuple[str, list[int], int | None]], workers: int, batch_tokens: int, choices: list[int]
) -> None:
    """Each request may be cancelled after any number of steps; a step is an arrival or the end of an engine call."""

    async def scenario() -> None:
        bench = Bench(workers=workers, batch_tokens=batch_tokens)
        tasks: list[tuple[asyncio.Task[Computed], list[TokenIds]]] = []
        patience: dict[asyncio.Task[Computed], int] = {}
        arrivals = list(requests)
        order = iter(choices)
        number = 0
        while arrivals or bench.executor.pending:
            choice = next(order, 0)
            if arrivals and (choice % 2 or not bench.executor.pending):
                client, lengths, leaves_after = arrivals.pop(0)
                texts = []
                for length in lengths:
                    number += 1
                    texts.append(text(number, *[7] * (length - 1)))
                task = bench.submit(texts, client)
                tasks.append((task, texts))
                if leaves_after is not None:
                    patience[task] = leaves_after
            else:
                bench.executor.run_one(choice % len(bench.executor.pending))
            if choice % 3:
                await settle()
            for task in list(patience):
                patience[task] -= 1
                if patience[task] < 0:
                    task.cancel()
                    del patience[task]
            await settle()
        assert bench.batcher.waiting == 0
        computed = [ids[0] for call in bench.engine.calls for ids in call]
        assert len(computed) == len(set(computed))
        for task, texts in tasks:
            assert task.done()
            if not task.cancelled():
                assert_right(task.result(), texts)
                assert {int(each[0]) for each in texts} <= set(computed)
        assert all(len(call) == 1 or len(call) * max(map(len, call)) <= batch_tokens for call in bench.engine.calls)

    asyncio.run(scenario())
