"""Messages for a server of the Model Context Protocol: right, almost right, and wrong; and what an answer must be."""

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from support.http import Api

HEADERS = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
METHODS = (
    "initialize",
    "ping",
    "tools/list",
    "tools/call",
    "prompts/get",
    "resources/read",
    "logging/setLevel",
    "completion/complete",
    "tasks/get",
    "notifications/initialized",
    "notifications/cancelled",
)
_TEXT = st.text(st.characters(blacklist_categories=["Cs"]), max_size=20)
_SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), _TEXT)
_JSON = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_TEXT, inner, max_size=3)),
    max_leaves=8,
)


def messages(tools: Sequence[str], arguments: Sequence[str]) -> st.SearchStrategy[bytes]:
    """Return bodies of requests.

    Args:
        tools: names of tools that there are.
        arguments: names of their arguments.
    """
    names = st.one_of(st.sampled_from(arguments), _TEXT)
    call = st.fixed_dictionaries(
        {"name": st.one_of(st.sampled_from(tools), _JSON)},
        optional={"arguments": st.one_of(st.dictionaries(names, _JSON, max_size=4), _JSON), "_meta": _JSON},
    )
    message = st.fixed_dictionaries(
        {"jsonrpc": st.one_of(st.just("2.0"), st.just("2.0"), _JSON)},
        optional={
            "id": st.one_of(st.integers(), _TEXT, _JSON),
            "method": st.one_of(st.just("tools/call"), st.sampled_from(METHODS), _JSON),
            "params": st.one_of(call, call, _JSON),
            "result": _JSON,
        },
    )
    right = st.builds(
        lambda given, number: {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": given},
        call,
        st.integers(0, 9),
    )
    body = st.one_of(right, message, st.lists(message, max_size=3), _JSON).map(lambda value: json.dumps(value).encode())
    return st.one_of(body, st.builds(_cut, body, st.integers(0, 200), st.binary(max_size=6)))


def _cut(body: bytes, at: int, between: bytes) -> bytes:
    return body[:at] + between + body[at:]


async def check_answer(server: Api, body: bytes) -> None:
    """Send a body; fail unless the answer is one of the protocol, and no failure of the server."""
    answer = await server("POST", "/mcp", data=body, headers=HEADERS)
    assert answer.status in (200, 202, 400), (answer.status, answer.body)
    assert b"Traceback" not in answer.body
    assert b"internal error" not in answer.body, answer.body
    if answer.status == 200:
        content: dict[str, Any] = answer.json
        assert content["jsonrpc"] == "2.0"
        assert ("result" in content) != ("error" in content)
        assert content["id"] == json.loads(body)["id"]
