import asyncio
import threading
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from ai_stack.nixos_docs.opening import IndexRefused, validate
from ai_stack.nixos_docs.pool import Expired, IndexPool
from ai_stack.nixos_docs.reader import IndexReader
from ai_stack.service.errors import DeadlineExceeded, Unavailable
from ai_stack.service.resilience import deadline


def open_pool(index: Path, threads: int) -> IndexPool:
    return IndexPool(validate(index), threads=threads, queue=1, timeout=5)


@pytest.fixture
async def pool(index: Path) -> AsyncIterator[IndexPool]:
    opened = await asyncio.to_thread(open_pool, index, threads=2)
    yield opened
    await opened.aclose()


def wait_until_expired(begun: threading.Event, ended: threading.Event, _reader: IndexReader, expired: Expired) -> None:
    begun.set()
    while not expired():
        ended.wait(0.001)
    ended.set()


def name_of_thread(_reader: IndexReader, _expired: Expired) -> str:
    return threading.current_thread().name


async def test_a_job_runs_off_the_event_loop(pool: IndexPool) -> None:
    assert await pool.run(name_of_thread) != threading.current_thread().name


async def test_a_search_that_takes_too_long_is_a_deadline_exceeded(pool: IndexPool) -> None:
    begun, ended = threading.Event(), threading.Event()
    with deadline(0.05), pytest.raises(DeadlineExceeded):
        await pool.run(partial(wait_until_expired, begun, ended))
    assert await asyncio.to_thread(ended.wait, 5)


async def test_a_caller_who_leaves_ends_the_search(pool: IndexPool) -> None:
    begun, ended = threading.Event(), threading.Event()
    search = asyncio.create_task(pool.run(partial(wait_until_expired, begun, ended)))
    assert await asyncio.to_thread(begun.wait, 5)
    search.cancel()
    with pytest.raises(asyncio.CancelledError):
        await search
    assert await asyncio.to_thread(ended.wait, 5)
    assert await pool.run(lambda reader, expired: 1) == 1


async def test_beyond_threads_and_queue_searches_are_refused(pool: IndexPool) -> None:
    release = threading.Event()
    searches = [asyncio.create_task(pool.run(lambda reader, expired: release.wait(5))) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable) as refusal:
        await pool.run(name_of_thread)
    assert refusal.value.headers["Retry-After"] == "1"
    release.set()
    assert await asyncio.gather(*searches) == [True] * 3


async def test_closing_lets_running_searches_end(index: Path) -> None:
    pool = await asyncio.to_thread(open_pool, index, threads=1)
    begun, release = threading.Event(), threading.Event()

    def job(reader: IndexReader, _expired: Expired) -> int:
        begun.set()
        release.wait(5)
        return reader.search("firewall", limit=1).total

    search = asyncio.create_task(pool.run(job))
    assert await asyncio.to_thread(begun.wait, 5)
    closing = asyncio.create_task(pool.aclose())
    release.set()
    assert await search == 3
    await closing


def test_a_file_put_in_place_of_the_validated_one_is_refused(index: Path) -> None:
    info = validate(index)
    other = index.with_name("other")
    other.write_bytes(index.read_bytes())
    other.replace(index)
    with pytest.raises(IndexRefused, match="replaced"):
        IndexPool(info, threads=1, queue=1, timeout=5)
