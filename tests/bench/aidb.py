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

from ai_stack.local.postgres import ConnectionParameters, Postgres
from ai_stack.local.valkey import Valkey
from bench import aidb_index, aidb_load, aidb_memory
from bench.aidb_data import Chunks, enlarge, read_chunks, write_chunks
from bench.aidb_memory import CHUNKS_PER_SECOND, DOCUMENTS_PER_SECOND
from bench.aidb_servers import Service, aidb, embeddings, ingest, read_corpus, stores, words_counted
from bench.command import finish, parser
from bench.processes import peak_bytes
from bench.results import P50, P95, RESIDENT, Results

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("ingestion", "index", "searches", "memory")
NOTE = (
    "The larger sets are mixed of the chunks of the corpus: half the text of one, half that of another, and the unit"
    " vector along v1 + 0.7 v2 + noise (standard deviation 0.01 in each dimension). A document has ten chunks, a"
    " project one hundredth of the documents. The queries are chunks with noise, and texts from their headings."
)


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark, or parts of it."""
    options = parser("aidb", __doc__, rounds=3, seconds=6)
    data = Path(os.environ.get("AI_STACK_QUALITY_DATA", ROOT.parent / "shared" / "data"))
    options.add_argument("--corpus", type=Path, default=data / "nix-docs-corpus.tar.gz", help="archive of documents")
    options.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000], help="chunks")
    options.add_argument("--state", type=Path, help="keep the stores here")
    options.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="what to measure (default: all)")
    options.add_argument("--add", action="store_true", help="add to the report that is there, of another part")
    given = options.parse_args(arguments)
    if not given.corpus.is_file():
        print(f"{given.corpus} is not there; name it with --corpus", file=sys.stderr)
        return 2
    if given.add:
        results = Results.read(given.output / "aidb.json")
    else:
        settings = {"rounds": given.rounds, "seconds": given.seconds}
        results = Results("aidb", reference="aidb", settings=settings)
        results.note(NOTE)
    with tempfile.TemporaryDirectory() as directory:
        state = given.state or Path(directory)
        state.mkdir(parents=True, exist_ok=True)
        asyncio.run(_measure(given, state, results))
    return finish(results, "Benchmark of aidb", [P50, P95], given)


async def _measure(given: argparse.Namespace, state: Path, results: Results) -> None:
    async with AsyncExitStack() as stack:
        postgres, valkey = stack.enter_context(stores(state))
        model = await stack.enter_async_context(embeddings(state))
        session = await stack.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=3600))
        )
        chunks = await _corpus(given, state, postgres, valkey, model, session, results)
        for size in given.sizes:
            database = _database(postgres, f"bench{size}")
            larger = enlarge(chunks, size)
            # The service makes the schema.
            async with aidb(state, database, model.url):
                pass
            write_chunks(database, larger)
            if "index" in given.parts:
                _index(size, larger, database, results)
            if "searches" in given.parts:
                await _searches(size, larger, database, model, state, session, results, given)
        if "memory" in given.parts:
            database = _database(postgres, "memory")
            await aidb_memory.measure(max(given.sizes), chunks, database, state, session, results)


def _database(postgres: Postgres, name: str) -> ConnectionParameters:
    database = postgres.address(name, name, "bench")
    postgres.ensure_database(database)
    return database


async def _corpus(
    given: argparse.Namespace,
    state: Path,
    postgres: Postgres,
    valkey: Valkey,
    model: Service,
    session: aiohttp.ClientSession,
    results: Results,
) -> Chunks:
    """Return the chunks of the corpus; measure how it is stored, if that is wanted."""
    database = _database(postgres, "bench")
    async with aidb(state, database, model.url, valkey) as service:
        documents = read_corpus(given.corpus, state / "corpus")
        stored, embedded = await ingest(session, service.url, documents)
        if "ingestion" in given.parts:
            async with session.get(f"{service.url}/stats") as response:
                chunks = (await response.json())["chunks"]
            workload = "ingestion of the corpus"
            results.add(workload, "until stored", DOCUMENTS_PER_SECOND, len(documents) / stored)
            results.add(workload, "until embedded", DOCUMENTS_PER_SECOND, len(documents) / embedded)
            results.add(workload, "until embedded", CHUNKS_PER_SECOND, chunks / embedded)
            results.add(workload, "aidb", RESIDENT, peak_bytes(service.pid) / 2**20)
            await aidb_load.caches(session, service, results)
    return read_chunks(database)


def _index(size: int, chunks: Chunks, database: ConnectionParameters, results: Results) -> None:
    name, queries = f"{size:,} chunks", chunks.queries(100)
    aidb_index.measure_before(name, database, chunks, queries, results)
    for variant in aidb_index.VARIANTS:
        aidb_index.measure(name, variant, database, chunks, queries, results)


async def _searches(
    size: int,
    chunks: Chunks,
    database: ConnectionParameters,
    model: Service,
    state: Path,
    session: aiohttp.ClientSession,
    results: Results,
    given: argparse.Namespace,
) -> None:
    name, queries = f"{size:,} chunks", chunks.queries(100)
    aidb_index.ensure(database)
    async with aidb(state, database, model.url) as service:
        await words_counted(database)
        await aidb_load.recall(name, session, service, chunks, queries, results)
        await aidb_load.latencies(name, session, service, database, queries, results, given.rounds, given.seconds)
        results.add(f"searches, {name}", "aidb", RESIDENT, peak_bytes(service.pid) / 2**20)
