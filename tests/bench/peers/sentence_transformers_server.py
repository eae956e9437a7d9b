"""sentence-transformers behind aiohttp, without batching: `sentence_transformers_server.py MODEL_DIRECTORY PORT`.

Runs in an environment of its own and imports nothing of this project.
"""

# mypy: disable-error-code="import-not-found,untyped-decorator"

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor

from aiohttp import web
from sentence_transformers import SentenceTransformer

model = SentenceTransformer(sys.argv[1], device="cpu")
thread = ThreadPoolExecutor(1)


def encode(texts: list[str]) -> list[list[float]]:
    """One vector per text."""
    vectors: list[list[float]] = model.encode(texts, show_progress_bar=False).tolist()
    return vectors


async def embed(request: web.Request) -> web.Response:
    """One vector per text."""
    given = (await request.json())["inputs"]
    texts = [given] if isinstance(given, str) else given
    return web.json_response(await asyncio.get_running_loop().run_in_executor(thread, encode, texts))


if __name__ == "__main__":
    app = web.Application(client_max_size=2**24)
    app.add_routes([web.post("/embed", embed)])
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[2]), print=None)
