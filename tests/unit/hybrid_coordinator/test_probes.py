"""Readiness: one source is enough."""

import asyncio

import pytest

from ai_stack.hybrid_coordinator.probes import NotReady, any_of


async def passes() -> None:
    """A source that works."""


async def fails() -> None:
    raise OSError("gone")


async def test_one_that_works_is_enough() -> None:
    await any_of([fails, passes, fails])()


async def test_none_that_works_is_not() -> None:
    with pytest.raises(NotReady):
        await any_of([fails, fails])()
    with pytest.raises(NotReady):
        await any_of([])()


async def test_one_that_hangs_is_not_waited_for_and_not_left_behind() -> None:
    ended = asyncio.Event()

    async def hangs() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    await any_of([hangs, passes])()
    assert ended.is_set()
