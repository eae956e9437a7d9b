"""The benchmark of aidb: ingestion, the vector index, and searches at two sizes against the bare SQL."""

# ruff: noqa: T201 - a command prints

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp

from ai_stack.local.postgres import ConnectionParameters
from bench import aidb_index, aidb_load
from bench.aidb_data import Chunks, enlarge, read_chunks, write_chunks
from bench.aidb_servers import Service, aidb, embeddings, ingest, read_corpus, stores
from bench.command import finish, parser
from bench.processes import resident_bytes
from bench.results import P50, P95, RESIDENT, SECONDS, Metric, Results

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS_PER_SECOND = Metric("documents", "1/s", "higher")
CHUNKS_PER_SECOND = Metric("chunks", "1/s", "higher")
MEMORY_LIMIT_MIB = 512.0


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark."""
    options = parser("aidb", __doc__, rounds=3, seconds=6)
    data = Path(os.environ.get("AI_STACK_QUALITY_DATA", ROOT.parent / "shared" / "data"))
    options.add_argument("--corpus", type=Path, default=data / "nix-docs-corpus.tar.gz", help="archive of documents")
    options.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000], help="chunks")
    options.add_argument("--state", type=Path, help="keep the stores here")
    given = options.parse_args(arguments)
    if not given.corpus.is_file():
        print(f"{given.corpus} is not there; name it with --corpus", file=sys.stderr)
        return 2
    settings = {"rounds": given.rounds, "seconds": given.seconds, "sizes": given.sizes}
    results = Results("aidb", reference="aidb", settings=settings)
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(_measure(given, given.state or Path(directory), results))
    return finish(results, "Benchmark of aidb", [P50, P95], given)


async def _measure(given: argparse.Namespace, state: Path, results: Results) -> None:
    async with AsyncExitStack() as stack:
        postgres, valkey = stack.enter_context(stores(state))
        model = await stack.enter_async_context(embeddings(state))
        session = await stack.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=300))
        )
        database = postgres.address("bench", "bench", "bench")
        postgres.ensure_database(database)
        async with aidb(state, database, model.url, valkey) as service:
            await _ingestion(given.corpus, state, session, service, results)
            await aidb_load.caches(session, service, results)
        chunks = read_chunks(database)
        results.note(
            f"The larger sets are mixed of {len(chunks.texts)} chunks of the corpus: half the text of one, half that"
            " of another, and the unit vector along v1 + 0.7 v2 + noise (standard deviation 0.01 in each dimension). A"
            " document has ten chunks, a project one hundredth of the documents. The queries are chunks with noise, and"
            " texts from their headings."
        )
        for size in given.sizes:
            larger = postgres.address(f"bench{size}", f"bench{size}", "bench")
            postgres.ensure_database(larger)
            await _size(size, chunks, larger, model, state, session, results, given)


async def _ingestion(
    corpus: Path, state: Path, session: aiohttp.ClientSession, service: Service, results: Results
) -> None:
    documents = read_corpus(corpus, state / "corpus")
    stored, embedded = await ingest(session, service.url, documents)
    async with session.get(f"{service.url}/stats") as response:
        chunks = (await response.json())["chunks"]
    results.add("ingestion of the corpus", "until stored", DOCUMENTS_PER_SECOND, len(documents) / stored)
    results.add("ingestion of the corpus", "until embedded", DOCUMENTS_PER_SECOND, len(documents) / embedded)
    results.add("ingestion of the corpus", "until embedded", CHUNKS_PER_SECOND, chunks / embedded)
    results.add("ingestion of the corpus", "aidb", RESIDENT, resident_bytes(service.pid) / 2**20)


async def _size(
    size: int,
    corpus: Chunks,
    database: ConnectionParameters,
    model: Service,
    state: Path,
    session: aiohttp.ClientSession,
    results: Results,
    given: argparse.Namespace,
) -> None:
    name = f"{size:,} chunks"
    larger = enlarge(corpus, size)
    # The service makes the schema.
    async with aidb(state, database, model.url):
        pass
    write_chunks(database, larger)
    queries = larger.queries(100)
    for variant in aidb_index.VARIANTS:
        aidb_index.measure(name, variant, database, larger, queries, results)
    seconds, _ = aidb_index.build(database, aidb_index.DEFAULT)
    results.add(f"index, {name}", "built anew", SECONDS, seconds)
    async with aidb(state, database, model.url) as service:
        await aidb_load.recall(name, session, service, larger, queries, results)
        await aidb_load.latencies(name, session, service, database, queries, results, given.rounds, given.seconds)
        results.add(f"searches, {name}", "aidb", RESIDENT, resident_bytes(service.pid) / 2**20)
        results.bar(f"memory of aidb at {name} in MiB", resident_bytes(service.pid) / 2**20, at_most=MEMORY_LIMIT_MIB)
