"""An embeddings service in miniature: the same interface, and vectors that know words alone."""

import hashlib
import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from aiohttp import web

DIMENSIONS = 64


@dataclass
class FakeEmbeddings:
    """What the service answers; change it to see what its clients make of it.

    Attributes:
        revision: of the model that it claims to run.
        status: of its answers; other than 200, they are errors.
        synonyms: words that have the vector of another word.
        texts: all that were embedded, in order.
    """

    revision: str = "0123456789abcdef" * 4
    status: int = 200
    synonyms: dict[str, str] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    keys: set[str | None] = field(default_factory=set)

    def info(self) -> dict[str, Any]:
        """The answer of `/info`."""
        return {
            "model": "words",
            "revision": self.revision,
            "dimensions": DIMENSIONS,
            "max_sequence_length": 256,
            "max_batch_size": 8,
            "max_input_characters": 10_000,
            "status": "ready",
        }

    def embed(self, texts: list[str]) -> list[list[float]]:
        """The answer of `/embed`: the sum of a random direction for each word, of unit length."""
        assert len(texts) <= 8
        self.texts.extend(texts)
        return [self._vector(text).tolist() for text in texts]

    def _vector(self, text: str) -> np.ndarray[Any, np.dtype[np.float64]]:
        total = np.zeros(DIMENSIONS)
        for word in re.findall(r"\w+", text.lower()) or ["nothing"]:
            seed = hashlib.sha256(self.synonyms.get(word, word).encode()).digest()[:8]
            total += np.random.default_rng(int.from_bytes(seed, "big")).standard_normal(DIMENSIONS)
        return total / np.linalg.norm(total)

    def application(self) -> web.Application:
        """An application to run on a socket."""

        async def info(request: web.Request) -> web.Response:
            return self._answer(request, self.info())

        async def embed(request: web.Request) -> web.Response:
            return self._answer(request, self.embed((await request.json())["inputs"]))

        app = web.Application()
        app.router.add_get("/info", info)
        app.router.add_post("/embed", embed)
        return app

    def _answer(self, request: web.Request, body: Any) -> web.Response:
        self.keys.add(request.headers.get("X-API-Key"))
        if self.status != 200:
            return web.json_response({"error": "not now", "error_id": "1"}, status=self.status)
        return web.json_response(body)
