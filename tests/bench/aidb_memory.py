"""Many chunks stored and indexed through the service: how long it takes, and how much memory it needs.

The vectors come from a stand-in that knows no model: what embedding costs is measured elsewhere.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import numpy as np
import orjson
from aiohttp import web

from ai_stack.local.postgres import ConnectionParameters
from bench.aidb_data import SEED, Chunks
from bench.aidb_servers import aidb, until
from bench.processes import peak_bytes
from bench.results import Metric, Results

DOCUMENTS_PER_SECOND = Metric("documents", "1/s", "higher")
CHUNKS_PER_SECOND = Metric("chunks", "1/s", "higher")
PEAK = Metric("peak memory", "MiB", "lower")
LIMIT_MIB = 512.0
_SECTIONS = 10
_NDJSON = {"Content-Type": "application/x-ndjson"}


async def measure(
    size: int,
    corpus: Chunks,
    database: ConnectionParameters,
    state: Path,
    session: aiohttp.ClientSession,
    results: Results,
) -> None:
    """Import documents of about `size` chunks, and wait until each chunk is in the index."""
    workload = f"import of {size:,} chunks, vectors from a stand-in"
    loop = asyncio.get_running_loop()
    documents = size // _SECTIONS
    async with _embeddings(corpus) as url, aidb(state, database, url) as service:
        began = loop.time()
        body = aiohttp.AsyncIterablePayload(_lines(documents, corpus))
        async with session.post(f"{service.url}/documents/import", data=body, headers=_NDJSON) as response:
            response.raise_for_status()
            job = (await response.json())["id"]
        await until(session, f"{service.url}/jobs/{job}", lambda job: job["state"] == "succeeded", seconds=3600)
        stored = loop.time() - began
        await until(session, f"{service.url}/stats", lambda stats: stats["chunks_pending"] == 0, seconds=3600)
        indexed = loop.time() - began
        async with session.get(f"{service.url}/stats") as response:
            chunks = (await response.json())["chunks"]
        peak = peak_bytes(service.pid) / 2**20
    results.add(workload, "until stored", DOCUMENTS_PER_SECOND, documents / stored)
    results.add(workload, "until indexed", DOCUMENTS_PER_SECOND, documents / indexed)
    results.add(workload, "until indexed", CHUNKS_PER_SECOND, chunks / indexed)
    results.add(workload, "aidb", PEAK, peak)
    results.bar(f"peak memory of aidb while {chunks:,} chunks are indexed, in MiB", peak, at_most=LIMIT_MIB)


async def _lines(documents: int, corpus: Chunks) -> AsyncIterator[bytes]:
    for line in _documents(documents, corpus):
        yield line


def _documents(number: int, corpus: Chunks) -> Iterator[bytes]:
    chance = np.random.default_rng(SEED)
    for place in range(number):
        sections = [
            f"# Section {section}\n\n{corpus.texts[one].strip()[:400].replace('#', ' ')}\n\n"
            for section, one in enumerate(chance.integers(len(corpus.texts), size=_SECTIONS))
        ]
        document = {"path": f"document-{place}.md", "content": "".join(sections), "allow_secrets": True}
        yield orjson.dumps(document) + b"\n"


@asynccontextmanager
async def _embeddings(corpus: Chunks) -> AsyncIterator[str]:
    """Serve vectors near those of the corpus; yield the address."""
    chance = np.random.default_rng(SEED)

    async def info(_request: web.Request) -> web.Response:
        return web.json_response({"model": "stand-in", "revision": "0" * 64, "dimensions": corpus.vectors.shape[1]})

    async def embed(request: web.Request) -> web.Response:
        count = len(orjson.loads(await request.read())["inputs"])
        first, second = chance.integers(len(corpus.vectors), size=(2, count))
        vectors = corpus.vectors[first] + np.float32(0.7) * corpus.vectors[second]
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return web.Response(
            body=orjson.dumps(vectors, option=orjson.OPT_SERIALIZE_NUMPY), content_type="application/json"
        )

    app = web.Application(client_max_size=16 * 1024 * 1024)
    app.router.add_get("/info", info)
    app.router.add_get("/health/ready", info)
    app.router.add_post("/embed", embed)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
