"""Messages of the Model Context Protocol between stdio and the HTTP endpoint of a running stack.

Messages are passed on as they are (specification of 2025-06-18, "Transports"): the tools, their arguments and the
scopes that they need are the server's. The endpoint keeps no sessions, so a stack may be restarted meanwhile.
"""

import asyncio
from collections.abc import Callable

import aiohttp
from anyio.streams.memory import MemoryObjectSendStream
from mcp import types
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage
from pydantic import ValidationError

from ai_stack.cli import render
from ai_stack.cli.client import reason
from ai_stack.local.errors import LocalError

PATH = "/mcp"
#: For one message; tools end within the deadlines of the services.
TIMEOUT_SECONDS = 120.0
#: Of implementation-defined errors in JSON-RPC 2.0, section 5.1.
NOT_SERVED = -32000


async def relay(target: Callable[[], tuple[str, str]]) -> None:
    """Pass messages on until standard input ends, each as soon as it comes.

    Args:
        target: returns the service's base URL and the API key. Asked for each message, since both may change while an
            editor is open; a `LocalError` is told to the client.
    """
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    async with (
        stdio_server() as (incoming, outgoing),
        outgoing,
        aiohttp.ClientSession(timeout=timeout) as session,
        asyncio.TaskGroup() as pending,
    ):
        messages = _Messages(session, target, outgoing)
        async for message in incoming:
            if isinstance(message, Exception):
                render.errors().print("ai-stack mcp: a line is no message of the protocol")
            else:
                pending.create_task(messages.pass_on(message.message))


class _Messages:
    """Passes messages to the server, and its answers back."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        target: Callable[[], tuple[str, str]],
        outgoing: MemoryObjectSendStream[SessionMessage],
    ) -> None:
        self._session = session
        self._target = target
        self._outgoing = outgoing
        self._version: str | None = None

    async def pass_on(self, message: types.JSONRPCMessage) -> None:
        try:
            answer = await self._send(message)
        except (LocalError, aiohttp.ClientError, TimeoutError, ValidationError) as error:
            text = str(error) if isinstance(error, LocalError) else f"no usable answer ({type(error).__name__})"
            if not isinstance(message.root, types.JSONRPCRequest):
                render.errors().print(f"ai-stack mcp: {text}", markup=False)
                return
            failure = types.ErrorData(code=NOT_SERVED, message=text)
            answer = types.JSONRPCMessage(types.JSONRPCError(jsonrpc="2.0", id=message.root.id, error=failure))
        if answer is not None:
            await self._outgoing.send(SessionMessage(answer))

    async def _send(self, message: types.JSONRPCMessage) -> types.JSONRPCMessage | None:
        url, key = await asyncio.to_thread(self._target)
        headers = {
            "X-API-Key": key,
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
        }
        if self._version is not None:
            headers["MCP-Protocol-Version"] = self._version
        body = message.model_dump_json(by_alias=True, exclude_unset=True)
        # A key must not follow a redirect to somewhere else.
        async with self._session.post(
            url.rstrip("/") + PATH, data=body.encode(), headers=headers, allow_redirects=False
        ) as response:
            if response.status == 202:
                return None
            if response.status != 200:
                raise LocalError(f"the stack answered {response.status}: {await reason(response)}")
            answer = types.JSONRPCMessage.model_validate_json(await response.read())
        if isinstance(answer.root, types.JSONRPCResponse) and getattr(message.root, "method", None) == "initialize":
            self._version = answer.root.result.get("protocolVersion")
        return answer
