import asyncio
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_stack.embeddings.tokenizing import ENOUGH_CHARACTERS, SharedTokenizer
from ai_stack.embeddings.tokens import TokenizedText
from unit.embeddings.engines import ManualExecutor
from unit.embeddings.test_batcher import settle


class Bench:
    """A tokenizer whose calls the test lets through; a text is tokenized to its own number."""

    def __init__(self, workers: int = 1) -> None:
        self.calls: list[list[str]] = []
        self.executor = ManualExecutor()
        self.tokenizer = SharedTokenizer(self.encode, self.executor, workers=workers)

    def encode(self, texts: Sequence[str]) -> list[TokenizedText]:
        self.calls.append(list(texts))
        if "bad" in texts:
            raise ValueError("no text")
        return [TokenizedText(np.array([int(text)]), truncated=False) for text in texts]

    def ask(self, *texts: str) -> asyncio.Task[list[int]]:
        async def run() -> list[int]:
            return [int(text.ids[0]) for text in await self.tokenizer.encode(texts)]

        return asyncio.create_task(run())

    async def run_all(self) -> None:
        await settle()
        while self.executor.pending:
            self.executor.run_one()
            await settle()


async def test_a_request_alone_is_tokenized_at_once() -> None:
    bench = Bench()
    task = bench.ask("1", "2")
    await asyncio.sleep(0)
    assert len(bench.executor.pending) == 1
    await bench.run_all()
    assert await task == [1, 2]


async def test_requests_that_arrive_while_all_workers_are_busy_go_together() -> None:
    bench = Bench(workers=2)
    tasks = [bench.ask(str(number), str(-number)) for number in range(9)]
    await bench.run_all()
    assert [len(call) for call in bench.calls] == [2, 2, 14]
    assert await asyncio.gather(*tasks) == [[number, -number] for number in range(9)]


async def test_a_call_ends_its_group_when_it_has_enough() -> None:
    bench = Bench()
    first = bench.ask("1")
    await settle()
    many = ENOUGH_CHARACTERS // 1000
    later = [bench.ask(*["0" * 1000] * many), bench.ask("2"), bench.ask("3")]
    await bench.run_all()
    assert [len(call) for call in bench.calls] == [1, many, 2]
    assert [await task for task in (first, *later)] == [[1], [0] * many, [2], [3]]


async def test_a_request_whose_caller_left_is_not_tokenized() -> None:
    bench = Bench()
    first = bench.ask("1")
    await settle()
    gone, stays = bench.ask("2"), bench.ask("3")
    await settle()
    gone.cancel()
    await bench.run_all()
    assert bench.calls == [["1"], ["3"]]
    assert [await task for task in (first, stays)] == [[1], [3]]


async def test_a_failure_reaches_all_who_shared_the_call_and_nobody_else() -> None:
    bench = Bench()
    first = bench.ask("1")
    await settle()
    sharing = [bench.ask("bad"), bench.ask("2")]
    await bench.run_all()
    for task in sharing:
        with pytest.raises(ValueError, match="no text"):
            await task
    after = bench.ask("3")
    await bench.run_all()
    assert [await task for task in (first, after)] == [[1], [3]]


async def test_without_a_thread_the_request_fails_and_the_worker_stays_usable() -> None:
    bench = Bench()
    bench.executor.refuse = True
    with pytest.raises(RuntimeError, match="new thread"):
        await bench.ask("1")
    bench.executor.refuse = False
    task = bench.ask("2")
    await bench.run_all()
    assert await task == [2]


@settings(max_examples=80, deadline=None)
@given(
    sizes=st.lists(st.tuples(st.integers(1, 4), st.booleans()), min_size=1, max_size=12),
    workers=st.integers(1, 3),
    choices=st.lists(st.integers(0, 5), max_size=40),
)
def test_everybody_gets_the_tokens_of_their_own_texts(
    sizes: list[tuple[int, bool]], workers: int, choices: list[int]
) -> None:
    async def scenario() -> None:
        bench = Bench(workers)
        asked: list[tuple[asyncio.Task[list[int]], list[int], bool]] = []
        number = 0
        order = iter(choices)
        for size, leaves in sizes:
            numbers = list(range(number, number + size))
            number += size
            asked.append((bench.ask(*map(str, numbers)), numbers, leaves))
            if next(order, 0) % 2:
                await settle()
            if bench.executor.pending and next(order, 0) % 3 == 0:
                bench.executor.run_one(next(order, 0) % len(bench.executor.pending))
        for task, _, leaves in asked:
            if leaves:
                task.cancel()
        await bench.run_all()
        for task, numbers, leaves in asked:
            assert task.done()
            assert (leaves and task.cancelled()) or task.result() == numbers

    asyncio.run(scenario())
