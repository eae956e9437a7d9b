"""The tools over stdio: the official client starts the command, which talks to the service over HTTP."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from mcp import ClientSession, McpError, StdioServerParameters
from mcp.client.stdio import stdio_client

from ai_stack.local.record import ChildRecord, StackRecord, write_record
from support.http import Api, Keys

from .conftest import Start
from .fakes import AIDB_TEXT, Others

QUESTION = "How do I open a port in the firewall?"


@asynccontextmanager
async def session_of(*options: str) -> AsyncIterator[ClientSession]:
    """A client of `ai-stack mcp`, before it has said anything."""
    command = StdioServerParameters(command=sys.executable, args=["-m", "ai_stack.cli", "mcp", *options])
    async with stdio_client(command) as (read, write), ClientSession(read, write) as session:
        yield session


def key_file(directory: Path, key: str) -> str:
    path = directory / "key"
    path.write_text(f"{key}\n")
    return str(path)


async def test_every_tool_of_the_service_is_there_and_works(hybrid: Api, keys: Keys, tmp_path: Path) -> None:
    async with session_of("--url", hybrid.base, "--key-file", key_file(tmp_path, keys.write)) as session:
        begun = await session.initialize()
        assert begun.serverInfo.name == "hybrid-coordinator"
        assert {tool.name for tool in (await session.list_tools()).tools} == {
            "augment_query",
            "search_context",
            "track_interaction",
            "update_outcome",
            "search_documents",
            "search_nixos_options",
        }
        found = await session.call_tool("augment_query", {"query": QUESTION})
        assert not found.isError
        assert AIDB_TEXT in str(found.structuredContent)
        refused = await session.call_tool("augment_query", {"question": "x"})
        assert refused.isError
        assert "unknown field" in str(refused.content)


async def test_the_scopes_of_the_key_apply(hybrid: Api, keys: Keys, tmp_path: Path) -> None:
    async with session_of("--url", hybrid.base, "--key-file", key_file(tmp_path, keys.read)) as session:
        await session.initialize()
        refused = await session.call_tool("track_interaction", {"query": QUESTION, "response": "x"})
        assert refused.isError
        assert "scope 'write'" in str(refused.content)


async def test_a_wrong_key_is_refused_and_a_right_one_put_in_its_place_is_taken(
    hybrid: Api, keys: Keys, tmp_path: Path
) -> None:
    path = key_file(tmp_path, "ais_wrong")
    async with session_of("--url", hybrid.base, "--key-file", path) as session:
        with pytest.raises(McpError, match="401"):
            await session.initialize()
        key_file(tmp_path, keys.read)
        await session.initialize()


async def test_it_finds_the_embedded_stack_and_outlives_it(
    start: Start, keys: Keys, fakes: Others, tmp_path: Path
) -> None:
    del fakes
    state = tmp_path / "state"
    state.mkdir()

    def record(url: str) -> None:
        child = ChildRecord(state="ready", pid=1, restarts=0, last_exit=None)
        running = StackRecord(
            services={"hybrid-coordinator": url},
            api_key_file=Path(key_file(tmp_path, keys.read)),
            pids={"supervisor": 1},
            children={"hybrid-coordinator": child},
        )
        write_record(state, running)

    async with session_of("--state", str(state)) as session:
        with pytest.raises(McpError, match="no stack is running"):
            await session.initialize()
        async with start(qdrant_path=tmp_path / "first") as hybrid:
            record(hybrid.base)
            await session.initialize()
        with pytest.raises(McpError, match="no usable answer"):
            await session.list_tools()
        async with start(qdrant_path=tmp_path / "second") as hybrid:
            record(hybrid.base)
            assert (await session.list_tools()).tools


async def test_a_key_is_shown_to_the_address_that_it_is_for_only(keys: Keys, tmp_path: Path) -> None:
    async with session_of("--key-file", key_file(tmp_path, keys.read)) as session:
        with pytest.raises(McpError, match="closed"):
            await session.initialize()
