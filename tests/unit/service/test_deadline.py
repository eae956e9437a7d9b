import asyncio

import pytest

from ai_stack.service.deadline import deadline, remaining


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_without_a_deadline_the_time_left_is_unknown() -> None:
    assert remaining() is None


def test_the_time_left_shrinks_as_time_passes_and_never_below_zero() -> None:
    clock = Clock()
    with deadline(2.0, clock=clock):
        assert remaining() == 2.0
        clock.now += 1.5
        assert remaining() == 0.5
        clock.now += 1.5
        assert remaining() == 0.0


@pytest.mark.parametrize(("inner", "expected"), [(1.0, 1.0), (9.0, 2.0), (-1.0, 0.0)])
def test_of_nested_deadlines_the_shorter_counts(inner: float, expected: float) -> None:
    clock = Clock()
    with deadline(2.0, clock=clock):
        with deadline(inner, clock=clock):
            assert remaining() == expected
        assert remaining() == 2.0


def test_the_outer_state_returns_after_an_exception() -> None:
    with pytest.raises(KeyError), deadline(1.0):
        raise KeyError
    assert remaining() is None


async def test_a_task_inherits_the_deadline_and_keeps_its_own_to_itself() -> None:
    clock = Clock()

    async def child() -> float | None:
        with deadline(0.5, clock=clock):
            await asyncio.sleep(0)
            return remaining()

    with deadline(2.0, clock=clock):
        tasks = [asyncio.create_task(child()) for _ in range(2)]
        assert await asyncio.gather(*tasks) == [0.5, 0.5]
        assert remaining() == 2.0
