"""Whatever a model's client sends, the answer is one of the protocol."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, given, settings

from support.http import Api
from support.mcp_messages import check_answer, messages

from .conftest import Start

BODIES = messages(
    ["augment_query", "search_context", "track_interaction", "update_outcome", "search_documents"],
    ["query", "limit", "response", "interaction_id", "outcome", "user_feedback", "collections", "max_tokens"],
)


@pytest.fixture
async def server(start: Start) -> AsyncIterator[Api]:
    async with start(rate_limits={"interactive": None, "ingest": None}) as client:
        yield client


# One server for all examples, which is as it would be.
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=BODIES)
async def test_any_message_is_answered_in_the_protocol_or_refused(server: Api, body: bytes) -> None:
    await check_answer(server, body)
