"""The tools, through the official client of the Model Context Protocol."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

from support.http import Api, Keys

from .fakes import AIDB_TEXT, Others

QUESTION = "How do I open a port in the firewall?"
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}},
}
HEADERS = {"Accept": "application/json, text/event-stream"}


@asynccontextmanager
async def session_of(hybrid: Api, key: str) -> AsyncIterator[ClientSession]:
    async with (
        httpx.AsyncClient(headers={"X-API-Key": key}, trust_env=False) as http,
        streamable_http_client(f"{hybrid.base}/mcp", http_client=http) as (read, write, _),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        yield session


async def call(session: ClientSession, name: str, **arguments: Any) -> Any:
    result = await session.call_tool(name, arguments)
    assert not result.isError, result.content
    return result.structuredContent


def options(_body: Any) -> Any:
    return {"query": "q", "total": 1, "options": [{"name": "networking.firewall.enable"}]}


async def test_every_tool_is_listed_and_does_its_work(hybrid: Api, keys: Keys, fakes: Others) -> None:
    fakes.docs.answers["/options/search"] = options
    async with session_of(hybrid, keys.admin) as session:
        tools = {tool.name: tool for tool in (await session.list_tools()).tools}
        assert set(tools) == {
            "augment_query",
            "search_context",
            "track_interaction",
            "update_outcome",
            "search_documents",
            "search_nixos_options",
        }
        assert tools["augment_query"].inputSchema["required"] == ["query"]
        augmented = await call(session, "augment_query", query=QUESTION)
        assert AIDB_TEXT in augmented["augmented_prompt"]
        tracked = await call(session, "track_interaction", query=QUESTION, response="List it.")
        outcome = await call(
            session, "update_outcome", interaction_id=tracked["interaction_id"], outcome="success", user_feedback=1.0
        )
        assert outcome["status"] == "stored"
        found = await call(session, "search_context", query=QUESTION, collections=["interaction-history"])
        assert found["total"] == 1
        assert (await call(session, "search_documents", query="firewall"))["results"][0]["content"] == AIDB_TEXT
        assert (await call(session, "search_nixos_options", query="firewall"))["total"] == 1


async def test_tools_need_the_scopes_of_their_routes(hybrid: Api, keys: Keys) -> None:
    async with session_of(hybrid, keys.read) as session:
        assert (await call(session, "augment_query", query=QUESTION))["context_count"] == 2
        refused = await session.call_tool("track_interaction", {"query": QUESTION, "response": "x"})
        assert refused.isError
        assert "scope 'write'" in str(refused.content)
        history = await session.call_tool("search_context", {"query": QUESTION, "collections": ["interaction-history"]})
        assert history.isError
        assert "scope 'admin'" in str(history.content)


async def test_pages_of_other_sites_are_refused(hybrid: Api) -> None:
    for origin, status in (("https://evil.example", 403), ("null", 403), ("http://localhost:3000", 200)):
        answer = await hybrid("POST", "/mcp", json=INITIALIZE, headers={**HEADERS, "Origin": origin})
        assert answer.status == status


async def test_without_a_key_there_is_no_protocol(hybrid: Api) -> None:
    anonymous = hybrid.with_key(None)
    assert (await anonymous("POST", "/mcp", json=INITIALIZE, headers=HEADERS)).status == 401
    assert (await hybrid("POST", "/mcp", json=INITIALIZE, headers=HEADERS)).status == 200
    assert (await hybrid("GET", "/mcp", headers=HEADERS)).status == 405


async def test_failures_are_told_without_their_insides(
    hybrid: Api, keys: Keys, fakes: Others, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with session_of(hybrid, keys.write) as session:
        for name, arguments, text in (
            ("nothing", {}, "no such tool"),
            ("augment_query", {"query": 7}, "query"),
            ("augment_query", {"question": "x"}, "unknown field"),
            ("update_outcome", {"interaction_id": str(uuid.uuid4()), "outcome": "success"}, "no such interaction"),
            ("search_nixos_options", {"query": "x"}, "nixos-docs"),
        ):
            fakes.docs.mode = "error"
            result = await session.call_tool(name, arguments)
            assert result.isError
            assert text in str(result.content)
        monkeypatch.setattr("ai_stack.hybrid_coordinator.fusion.RRF_K", "secret")
        result = await session.call_tool("augment_query", {"query": QUESTION})
        assert result.isError
        assert "internal error" in str(result.content)
        assert "secret" not in str(result.content)
        assert "TypeError" not in str(result.content)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"jsonrpc": "2.0"}', b"\xff"])
async def test_what_is_not_the_protocol_is_refused(hybrid: Api, body: bytes) -> None:
    answer = await hybrid("POST", "/mcp", data=body, headers={**HEADERS, "Content-Type": "application/json"})
    assert answer.status == 400
