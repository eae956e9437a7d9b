import asyncio

import pytest

from ai_stack.embeddings.single_flight import SingleFlight


class Work:
    """Counts its calls, and ends them when the test says so."""

    def __init__(self) -> None:
        self.calls = 0
        self.result: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def __call__(self) -> int:
        self.calls += 1
        return await asyncio.shield(self.result)


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_the_same_at_the_same_time_is_computed_once() -> None:
    flight: SingleFlight[str, int] = SingleFlight()
    work = Work()
    tasks = [asyncio.create_task(flight.run("a", work)) for _ in range(5)]
    other = asyncio.create_task(flight.run("b", work))
    await settle()
    assert work.calls == 2
    work.result.set_result(7)
    assert await asyncio.gather(*tasks, other) == [7] * 6
    assert await flight.run("a", work) == 7
    assert work.calls == 3


async def test_when_the_first_leaves_another_computes() -> None:
    flight: SingleFlight[str, int] = SingleFlight()
    work = Work()
    first, *others = [asyncio.create_task(flight.run("a", work)) for _ in range(4)]
    await settle()
    first.cancel()
    await settle()
    assert work.calls == 2
    work.result.set_result(7)
    assert await asyncio.gather(*others) == [7] * 3
    assert first.cancelled()


async def test_one_who_waits_and_leaves_disturbs_nobody() -> None:
    flight: SingleFlight[str, int] = SingleFlight()
    work = Work()
    first, leaves, stays = [asyncio.create_task(flight.run("a", work)) for _ in range(3)]
    await settle()
    leaves.cancel()
    await settle()
    work.result.set_result(7)
    assert [await first, await stays] == [7, 7]
    assert work.calls == 1


async def test_a_failure_reaches_all_who_waited_and_is_not_remembered() -> None:
    flight: SingleFlight[str, int] = SingleFlight()
    work = Work()
    tasks = [asyncio.create_task(flight.run("a", work)) for _ in range(3)]
    await settle()
    work.result.set_exception(ValueError("no"))
    assert [str(error) for error in await asyncio.gather(*tasks, return_exceptions=True)] == ["no"] * 3
    with pytest.raises(ValueError, match="no"):
        await flight.run("a", work)
    assert work.calls == 2
