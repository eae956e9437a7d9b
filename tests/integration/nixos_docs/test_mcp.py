"""The tools, through the official client of the Model Context Protocol."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

from support.http import Api, Keys

from .conftest import RunDocs


@asynccontextmanager
async def session_of(api: Api, key: str) -> AsyncIterator[ClientSession]:
    async with (
        httpx.AsyncClient(headers={"Authorization": f"Bearer {key}"}, trust_env=False) as http,
        streamable_http_client(f"{api.base}/mcp", http_client=http) as (read, write, _),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        yield session


async def test_every_tool_is_listed_and_does_its_work(run_docs: RunDocs, catalogue: dict[str, Any], keys: Keys) -> None:
    async with run_docs(**catalogue) as api, session_of(api, keys.read) as session:
        tools = {tool.name: tool for tool in (await session.list_tools()).tools}
        assert list(tools) == ["search_docs", "search_options", "get_option", "check_options", "search_packages"]
        assert tools["search_docs"].inputSchema["properties"]["query"]["type"] == "string"
        for name, arguments, key in [
            ("search_docs", {"query": "open a port"}, "results"),
            ("search_options", {"query": "open a port"}, "options"),
            ("search_packages", {"query": "greets"}, "packages"),
            ("get_option", {"name": "networking"}, "children"),
            ("check_options", {"snippet": "networking.gone = 1;"}, "results"),
        ]:
            result = await session.call_tool(name, arguments)
            assert not result.isError, result.content
            assert result.structuredContent is not None
            assert result.structuredContent[key]
            assert result.structuredContent["release"] == "25.05"
            assert json.loads(result.content[0].text) == result.structuredContent  # type: ignore[union-attr]


async def test_a_model_is_told_what_it_did_wrong(run_docs: RunDocs, catalogue: dict[str, Any], keys: Keys) -> None:
    async with run_docs(**catalogue) as api, session_of(api, keys.read) as session:
        for name, arguments, told in [
            ("search_options", {"quer": "x"}, "query: Field required"),
            ("get_option", {"name": "networking.ports"}, "is called networking.firewall.openPort"),
            ("check_options", {}, "either snippet or options"),
        ]:
            result = await session.call_tool(name, arguments)
            assert result.isError
            assert told in result.content[0].text  # type: ignore[union-attr]


async def test_a_key_is_needed(run_docs: RunDocs) -> None:
    async with run_docs() as api:
        for key in (None, "wrong"):
            assert (await api.with_key(key)("POST", "/mcp", json={"jsonrpc": "2.0"})).status == 401
