"""A stand-in for the embeddings service: deterministic vectors over a real socket, and failures on demand."""

import asyncio
import hashlib
import re
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from aiohttp import web

from ai_stack.aidb.vectors import DIMENSION


def vector_of(text: str, model: str = "fake-model") -> npt.NDArray[np.float32]:
    """Return a unit vector: each word adds a direction of its own, so texts with words in common are near.

    The same text by two models has nothing in common.
    """
    total = np.zeros(DIMENSION)
    salt = "" if model == "fake-model" else model
    for word in re.findall(r"\w+", text.lower()) or ["-"]:
        seed = int.from_bytes(hashlib.sha256(f"{salt}{word}".encode()).digest()[:8], "big")
        total += np.random.default_rng(seed).standard_normal(DIMENSION)
    return (total / np.linalg.norm(total)).astype(np.float32)


class FakeEmbeddings:
    """Serves `/info` and `/embed` on one port, over any number of stops and starts.

    Attributes:
        model, revision: what `/info` says.
        texts: every text that was embedded, in order.
        requests: number of `/embed` requests.
        refuse: texts for which this is true are answered with 400.
        status: answered by `/embed` instead of vectors, when set.
        zero: answer zero vectors.
        hold: `/embed` waits for this event.
        allow: so many requests do not wait for it.
    """

    def __init__(self) -> None:
        self.model = "fake-model"
        self.revision = "a" * 64
        self.texts: list[str] = []
        self.requests = 0
        self.refuse: Callable[[str], bool] = lambda _text: False
        self.status: int | None = None
        self.zero = False
        self.allow = 0
        self.hold = asyncio.Event()
        self.hold.set()
        self._port = 0
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Base address."""
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Listen, on the port of the first start."""
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_get("/info", self._info)
        app.router.add_post("/embed", self._embed)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Refuse connections from now on and drop those that exist."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _info(self, _request: web.Request) -> web.Response:
        return web.json_response({"model": self.model, "revision": self.revision, "dimensions": DIMENSION})

    async def _embed(self, request: web.Request) -> web.Response:
        texts = (await request.json())["inputs"]
        self.requests += 1
        if self.requests > self.allow:
            await self.hold.wait()
        if self.status is not None:
            return web.json_response({"error": "no"}, status=self.status)
        if any(self.refuse(text) for text in texts):
            return web.json_response({"error": "inputs: refused", "error_id": "0" * 12}, status=400)
        self.texts += texts
        if self.zero:
            return web.json_response([[0.0] * DIMENSION for _ in texts])
        return web.json_response([vector_of(text, self.model).tolist() for text in texts])
