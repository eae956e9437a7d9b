"""Stand-ins for the other services, on real sockets, that misbehave on demand."""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import orjson
from aiohttp import web

Mode = Literal["ok", "hang", "slow", "error", "not_json", "wrong_shape", "empty", "cut_off", "refuses_key"]
DIMENSIONS = 32


def vector_of(text: str) -> list[float]:
    """A unit vector that is near to that of texts with the same words."""
    total = np.zeros(DIMENSIONS)
    for word in re.findall(r"\w+", text.casefold()) or [text]:
        seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8])
        total += np.random.default_rng(seed).standard_normal(DIMENSIONS)
    norm = float(np.linalg.norm(total))
    return [float(x) for x in total / norm]


@dataclass
class Call:
    """A request that a fake got."""

    method: str
    path: str
    headers: dict[str, str]
    json: Any


@dataclass
class FakeService:
    """Answers by `answers` (path to a function of the request's JSON) unless `mode` says otherwise."""

    answers: dict[str, Any]
    mode: Mode = "ok"
    delay: float = 0.0
    calls: list[Call] = field(default_factory=list)
    port: int = 0
    _runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Base URL."""
        return f"http://127.0.0.1:{self.port}"

    def called(self, path: str) -> list[Call]:
        """The calls of one path."""
        return [call for call in self.calls if call.path == path]

    async def start(self) -> None:
        """Listen; on the same port as before, if there was one."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.01, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Refuse connections."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        content = orjson.loads(body) if body else None
        self.calls.append(Call(request.method, request.path, dict(request.headers), content))
        match self.mode:
            case "hang":
                await asyncio.Event().wait()
            case "slow":
                await asyncio.sleep(self.delay)
            case "error":
                return web.json_response({"error": "broken", "error_id": "1"}, status=500)
            case "not_json":
                return web.Response(body=b"<html>\xff\x00 nothing to see", content_type="application/json")
            case "wrong_shape":
                return web.json_response({"results": [{"content": 7, "id": None}], "degraded": "perhaps"})
            case "empty":
                return web.json_response(None)
            case "cut_off":
                return web.Response(body=b'{"results": [', headers={"Content-Length": "5000"})
            case "refuses_key":
                return web.json_response({"error": "unauthorized", "error_id": "1"}, status=401)
        if request.path == "/health/ready":
            return web.json_response({"status": "healthy"})
        return web.Response(body=orjson.dumps(self.answers[request.path](content)), content_type="application/json")


class FakeEmbeddings(FakeService):
    """The embeddings service with a bag-of-words model."""

    def __init__(self) -> None:
        super().__init__({"/info": lambda _: self.info, "/embed": self._embed})
        self.info: dict[str, Any] = {
            "model": "bag-of-words",
            "revision": "f" * 64,
            "dimensions": DIMENSIONS,
            "max_sequence_length": 256,
            "status": "ready",
        }
        self.vectors: Callable[[str], list[float]] = vector_of

    def _embed(self, body: Any) -> Any:
        inputs = body["inputs"]
        return [self.vectors(text) for text in ([inputs] if isinstance(inputs, str) else inputs)]


AIDB_TEXT = "Ports are opened in the firewall with networking.firewall.allowedTCPPorts."
DOCS_TEXT = "The firewall is on by default; open a port by listing it and rebuilding the system."


def aidb_answer(_body: Any) -> Any:
    """One document about the firewall."""
    result = {
        "id": "42",
        "document_id": "7",
        "chunk_id": "42",
        "content": AIDB_TEXT,
        "score": 0.03,
        "project": "default",
        "title": "Firewall",
        "relative_path": "firewall.md",
        "path": "firewall.md",
        "heading": "Networking > Firewall",
        "distance": 0.2,
        "metadata": {},
    }
    return {"results": [result], "total": 1, "offset": 0, "limit": 10, "has_more": False, "degraded": False}


def docs_answer(_body: Any) -> Any:
    """One section about the firewall."""
    result = {
        "source": "nixos-manual",
        "title": "Firewall",
        "content": DOCS_TEXT,
        "url": None,
        "relevance": 7.5,
        "path": "nixos-manual/firewall.md",
        "heading": ["Networking", "Firewall"],
    }
    return {"query": "q", "total": 1, "results": [result], "degraded": False}


@dataclass
class Others:
    """All services that hybrid-coordinator talks to."""

    embeddings: FakeEmbeddings
    aidb: FakeService
    docs: FakeService


@asynccontextmanager
async def others() -> AsyncIterator[Others]:
    """Start all fakes."""
    fakes = Others(FakeEmbeddings(), FakeService({"/search": aidb_answer}), FakeService({"/search": docs_answer}))
    every = (fakes.embeddings, fakes.aidb, fakes.docs)
    for fake in every:
        await fake.start()
    try:
        yield fakes
    finally:
        for fake in every:
            await fake.stop()
