"""A language model behind OpenAI's interface that says what it is told to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson
from aiohttp import web

Mode = Literal["ok", "error", "busy", "refuses_key", "refuses_request", "not_json", "breaks_off", "endless", "redirect"]


@dataclass
class LlmStub:
    """The server's state. `step` is released for each part of a streamed answer when `stepwise`."""

    words: tuple[str, ...] = ("Open", " the", " port", ".")
    mode: Mode = "ok"
    stepwise: bool = False
    step: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    requests: list[Any] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a chat."""
        body = await request.json()
        self.requests.append(body)
        self.keys.append(request.headers.get("Authorization"))
        match self.mode:
            case "error":
                return web.json_response({"error": {"message": "out of memory"}}, status=500)
            case "busy":
                return web.json_response({"error": {"message": "busy"}}, status=429)
            case "refuses_key":
                return web.json_response({"error": {"message": "bad key"}}, status=401)
            case "refuses_request":
                return web.json_response({"error": {"message": "max_tokens is\x07 too large"}}, status=400)
            case "redirect":
                return web.Response(status=307, headers={"Location": self.url})
            case "not_json":
                return web.Response(text="<html>")
        if not body.get("stream"):
            message = {"role": "assistant", "content": "".join(self.words)}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            return web.json_response({**self._frame("chat.completion", body), "choices": [choice]})
        return await self._stream(request, body)

    async def _stream(self, request: web.Request, body: Any) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Set-Cookie": "a=b"})
        await response.prepare(request)
        try:
            for number, word in enumerate(self.words):
                if self.stepwise:
                    await self.step.acquire()
                if self.mode == "breaks_off" and number == 2:
                    assert request.transport is not None
                    request.transport.abort()
                    return response
                choice = {"index": 0, "delta": {"role": "assistant", "content": word}, "finish_reason": None}
                event = orjson.dumps({**self._frame("chat.completion.chunk", body), "choices": [choice]})
                await response.write(b"data: " + event + b"\n\n")
            if self.mode == "endless":
                await asyncio.Event().wait()
            await response.write(b"data: [DONE]\n\n")
        except (asyncio.CancelledError, ConnectionResetError):
            self.left.set()
            raise
        return response

    def _frame(self, kind: str, body: Any) -> dict[str, Any]:
        return {"id": "chat-1", "object": kind, "created": 1, "model": body["model"]}


@asynccontextmanager
async def llm_stub() -> AsyncIterator[LlmStub]:
    """Serve a stub."""
    stub = LlmStub()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", stub.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.01, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    stub.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    try:
        yield stub
    finally:
        await runner.cleanup()
