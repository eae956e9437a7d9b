"""Whatever a model's client sends, the answer is one of the protocol."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from support.http import Api
from support.mcp_messages import check_answer, messages

from .conftest import RunDocs

BODIES = messages(
    ["search_docs", "search_options", "get_option", "check_options", "search_packages"],
    ["query", "limit", "name", "snippet", "options", "sources"],
)


@pytest.fixture
async def server(run_docs: RunDocs, catalogue: dict[str, Any]) -> AsyncIterator[Api]:
    async with run_docs(**catalogue, rate_limits={"interactive": None, "ingest": None}) as client:
        yield client


# One server for all examples, which is as it would be.
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=BODIES)
async def test_any_message_is_answered_in_the_protocol_or_refused(server: Api, body: bytes) -> None:
    await check_answer(server, body)
