# ruff: noqa: ASYNC240 - tests may wait for a file
import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from ai_stack.nixos_docs.builder import BuildError, build_index
from ai_stack.nixos_docs.inputs import Inputs
from ai_stack.nixos_docs.library import Library
from ai_stack.nixos_docs.opening import IndexInfo, IndexRefused
from ai_stack.nixos_docs.pool import IndexPool
from ai_stack.nixos_docs.sources import SourceError, sources_below
from ai_stack.service.errors import Conflict, Unavailable
from support.waiting import PATIENCE

MakeLibrary = Callable[[Path, Callable[[], Inputs] | None], Library]


@pytest.fixture
async def make_library() -> AsyncIterator[MakeLibrary]:
    made: list[Library] = []

    def make(path: Path, inputs: Callable[[], Inputs] | None) -> Library:
        made.append(Library(path, inputs, lambda info: IndexPool(info, threads=1, queue=8, timeout=5)))
        return made[-1]

    yield make
    for library in made:
        await library.aclose()


async def total(library: Library, question: str) -> int:
    outcome = await library.pool().run(lambda reader, _expired: reader.search(question, limit=1))
    return outcome.total


async def test_a_missing_index_is_built(docs: Path, tmp_path: Path, make_library: MakeLibrary) -> None:
    library = make_library(tmp_path / "index", lambda: Inputs(sources_below(docs)))
    with pytest.raises(Unavailable):
        library.pool()
    report = await library.load()
    assert report.built
    assert library.info == report.info
    assert await total(library, "firewall") == 3


async def test_an_index_that_is_up_to_date_is_opened_as_it_is(
    docs: Path, index: Path, make_library: MakeLibrary
) -> None:
    before = index.stat()
    report = await make_library(index, lambda: Inputs(sources_below(docs))).load()
    assert not report.built
    assert index.stat() == before


async def test_an_index_older_than_its_documents_is_built_anew(
    docs: Path, index: Path, make_library: MakeLibrary
) -> None:
    (docs / "manual" / "new.md").write_text("# Wireguard\n\ntunnels\n")
    library = make_library(index, lambda: Inputs(sources_below(docs)))
    assert (await library.load()).built
    assert await total(library, "wireguard") == 1


async def test_a_damaged_index_is_built_anew(docs: Path, index: Path, make_library: MakeLibrary) -> None:
    index.write_bytes(index.read_bytes()[:5000])
    assert (await make_library(index, lambda: Inputs(sources_below(docs))).load()).built


async def test_without_documents_an_old_index_is_still_used(
    tmp_path: Path, index: Path, make_library: MakeLibrary
) -> None:
    library = make_library(index, lambda: Inputs(sources_below(tmp_path / "gone")))
    assert not (await library.load()).built
    assert await total(library, "firewall") == 3


async def test_without_documents_and_index_there_is_an_error(tmp_path: Path, make_library: MakeLibrary) -> None:
    with pytest.raises(SourceError):
        await make_library(tmp_path / "index", lambda: Inputs(sources_below(tmp_path / "gone"))).load()
    with pytest.raises(IndexRefused):
        await make_library(tmp_path / "index", None).load()


async def test_a_sync_switches_to_the_new_documents(docs: Path, index: Path, make_library: MakeLibrary) -> None:
    library = make_library(index, lambda: Inputs(sources_below(docs)))
    await library.load()
    assert not (await library.sync()).changed
    (docs / "manual" / "new.md").write_text("# Wireguard\n\ntunnels\n")
    report = await library.sync()
    assert report.built
    assert report.changed
    assert await total(library, "wireguard") == 1


async def test_a_sync_that_fails_leaves_the_index_in_use(docs: Path, index: Path, make_library: MakeLibrary) -> None:
    root = docs
    library = make_library(index, lambda: Inputs(sources_below(root)))
    await library.load()
    root = docs / "gone"
    with pytest.raises(SourceError):
        await library.sync()
    assert await total(library, "firewall") == 3


async def test_an_opened_index_is_exchanged_for_a_whole_one_only(
    docs: Path, index: Path, tmp_path: Path, make_library: MakeLibrary
) -> None:
    library = make_library(index, None)
    await library.load()
    broken = tmp_path / "broken"
    broken.write_bytes(b"broken")
    broken.replace(index)
    with pytest.raises(IndexRefused):
        await library.sync()
    assert await total(library, "firewall") == 3
    (docs / "manual" / "new.md").write_text("# Wireguard\n\ntunnels\n")
    await asyncio.to_thread(lambda: build_index(Inputs(sources_below(docs)), index))
    assert (await library.sync()).changed
    assert await total(library, "wireguard") == 1


async def test_one_sync_at_a_time(docs: Path, index: Path, make_library: MakeLibrary) -> None:
    release = threading.Event()

    def slow() -> Inputs:
        release.wait(5)
        return Inputs(sources_below(docs))

    library = make_library(index, slow)
    loading = asyncio.create_task(library.load())
    await asyncio.sleep(0)
    with pytest.raises(Conflict):
        await library.sync()
    release.set()
    await loading


async def test_a_sync_goes_on_when_its_caller_leaves(docs: Path, index: Path, make_library: MakeLibrary) -> None:
    release = threading.Event()
    release.set()

    def slow() -> Inputs:
        release.wait(5)
        return Inputs(sources_below(docs))

    library = make_library(index, slow)
    await library.load()
    (docs / "manual" / "new.md").write_text("# Wireguard\n\ntunnels\n")
    release.clear()
    caller = asyncio.create_task(library.sync())
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    release.set()
    async with asyncio.timeout(PATIENCE):
        while await total(library, "wireguard") != 1:
            await asyncio.sleep(0.01)


async def test_searches_go_on_while_the_index_is_exchanged(docs: Path, index: Path, make_library: MakeLibrary) -> None:
    library = make_library(index, lambda: Inputs(sources_below(docs)))
    await library.load()
    done = asyncio.Event()

    async def keep_searching() -> int:
        searches = 0
        while not done.is_set():
            assert await total(library, "firewall") == 3
            searches += 1
        return searches

    searching = asyncio.create_task(keep_searching())
    for _ in range(5):
        await library.sync()
    done.set()
    assert await searching > 0


async def test_closing_stops_a_build(docs: Path, tmp_path: Path) -> None:
    begun = threading.Event()
    release = threading.Event()

    def slow() -> Inputs:
        begun.set()
        release.wait(5)
        return Inputs(sources_below(docs))

    library = Library(tmp_path / "index", slow, pool_of)
    loading = asyncio.create_task(library.load())
    assert await asyncio.to_thread(begun.wait, 5)
    closing = asyncio.create_task(library.aclose())
    await asyncio.sleep(0)
    release.set()
    await closing
    with pytest.raises(BuildError, match="stopped"):
        await loading
    assert not (tmp_path / "index").exists()


def pool_of(info: IndexInfo) -> IndexPool:
    return IndexPool(info, threads=1, queue=8, timeout=5)
