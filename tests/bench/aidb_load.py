"""Searches at the service, and the same statements without it."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import aiohttp
import aiopg

from ai_stack.aidb import statements
from ai_stack.aidb.connecting import connection_arguments, open_pool
from ai_stack.aidb.database import Connection, Database
from ai_stack.aidb.filters import Filters
from ai_stack.aidb.lexicon import Lexicon
from ai_stack.aidb.search import ChunkSearch, Range
from ai_stack.aidb.settings import AidbSettings
from ai_stack.local.postgres import ConnectionParameters
from ai_stack.service.metrics import ServiceMetrics
from ai_stack.service.resilience import Guard, Policy
from bench.aidb_data import Chunks, Query
from bench.aidb_index import PROJECT, RECALL
from bench.aidb_servers import Service
from bench.results import P50, P95, REQUESTS_PER_SECOND, Results, rotated

CLIENTS = (1, 16, 100)
#: Of these the ratio is a bar.
COMPARED = 16
OURS, RAW = "aidb", "the same SQL without the service"


async def recall(
    name: str, session: aiohttp.ClientSession, service: Service, chunks: Chunks, queries: list[Query], results: Results
) -> None:
    """Compare the service's nearest chunks with the truly nearest ones, over all and in one project of a hundred."""
    for label, project in (("no filter", None), ("a filter that keeps 1 %", PROJECT)):
        shares = []
        for query in queries:
            body = {"embedding": query.vector.tolist(), "limit": 10}
            found = await _ask(
                session, service, "/vector/search", body | ({"project": f"p{project}"} if project else {})
            )
            places = {hit["id"] - 1 for hit in found["results"]}
            shares.append(len(places & chunks.nearest(query.vector, 10, project)) / 10)
        mean = statistics.mean(shares)
        results.add(f"recall of the service, {name}", label, RECALL, mean)
        results.bar(f"recall@10 at {name}, {label}", mean, at_least=0.98)


async def latencies(
    name: str,
    session: aiohttp.ClientSession,
    service: Service,
    database: ConnectionParameters,
    queries: list[Query],
    results: Results,
    rounds: int,
    seconds: float,
) -> None:
    """Measure hybrid searches with vectors at hand, at the service and as bare SQL, in turn."""
    settings = AidbSettings(
        auth="disabled",
        postgres_host=database.host,
        postgres_port=database.port,
        postgres_database=database.database,
        postgres_user=database.user,
        postgres_password=database.password,
    )

    async def ours(query: Query) -> None:
        await _ask(session, service, "/search", {"query": query.text, "embedding": query.vector.tolist()})

    async with open_pool(settings) as pool:
        bare = Database(
            pool,
            Guard("postgres", Policy(max_concurrency=20, timeout=60)),
            ServiceMetrics("bench", "bench_http", "bench", "0"),
        )
        lexicon, search = Lexicon(bare), ChunkSearch(bare)

        async def raw(query: Query) -> None:
            await search.by_rank(await lexicon.look_up(query.text), query.vector, Filters(), Range(10))

        subjects: list[tuple[str, Callable[[Query], Awaitable[None]]]] = [(OURS, ours), (RAW, raw)]
        for number in range(rounds):
            for clients in CLIENTS:
                for subject, ask in rotated(subjects, number):
                    times, elapsed = await _load(ask, queries, clients, seconds)
                    workload = f"hybrid search, {name}, {clients} clients"
                    results.add(workload, subject, P50, times[len(times) // 2] * 1000)
                    results.add(workload, subject, P95, times[int(len(times) * 0.95)] * 1000)
                    results.add(workload, subject, REQUESTS_PER_SECOND, len(times) / elapsed)
    workload = f"hybrid search, {name}, {COMPARED} clients"
    ratio = results.median(workload, OURS, P95) / results.median(workload, RAW, P95)
    results.bar(f"p95 of the service by that of bare SQL, {name}, {COMPARED} clients", ratio, at_most=5)
    await _pool(name, settings, queries, results)


async def caches(session: aiohttp.ClientSession, service: Service, results: Results) -> None:
    """Measure searches by text whose vector is in the cache, and some whose vector is not."""
    texts = [f"how is option number {number} of the service configured" for number in range(50)]
    for subject in ("vector not cached", "vector cached"):
        times = []
        for text in texts:
            began = time.perf_counter()
            await _ask(session, service, "/search", {"query": text})
            times.append(time.perf_counter() - began)
        results.add("search by text, the corpus, 1 client", subject, P50, statistics.median(times) * 1000)


async def _pool(name: str, settings: AidbSettings, queries: list[Query], results: Results) -> None:
    """Measure what it is worth that connections are kept."""
    arguments = connection_arguments(settings)
    kept = await aiopg.connect(enable_json=False, enable_hstore=False, enable_uuid=False, **arguments)
    statement = statements.by_vector(Filters(), constrained=False)
    times: dict[str, list[float]] = {"connection kept": [], "a connection each": []}

    async def ask(connection: Any, query: Query) -> None:
        literal = "[" + ",".join(map(str, query.vector.tolist())) + "]"
        values = {"vector": literal, "depth": 11, "limit": 10, "offset": 0, "min_score": None, "marked": ""}
        await Connection(connection).fetch(statement, values | Filters().parameters())

    try:
        for query in queries:
            began = time.perf_counter()
            await ask(kept, query)
            times["connection kept"].append(time.perf_counter() - began)
            began = time.perf_counter()
            fresh = await aiopg.connect(enable_json=False, enable_hstore=False, enable_uuid=False, **arguments)
            await ask(fresh, query)
            fresh.close()
            times["a connection each"].append(time.perf_counter() - began)
    finally:
        kept.close()
    for subject, each in times.items():
        results.add(f"bare vector search, {name}, 1 client", subject, P50, statistics.median(each) * 1000)


async def _load(
    ask: Callable[[Query], Awaitable[None]], queries: Sequence[Query], clients: int, seconds: float
) -> tuple[list[float], float]:
    """Keep so many searches open; return their times, sorted, and how long it took."""
    times: list[float] = []
    began = time.perf_counter()

    async def client(number: int) -> None:
        while time.perf_counter() - began < seconds:
            asked = time.perf_counter()
            await ask(queries[(number * 7 + len(times)) % len(queries)])
            times.append(time.perf_counter() - asked)

    await asyncio.gather(*(client(number) for number in range(clients)))
    return sorted(times), time.perf_counter() - began


async def _ask(session: aiohttp.ClientSession, service: Service, path: str, body: dict[str, Any]) -> Any:
    async with session.post(service.url + path, json=body) as response:
        response.raise_for_status()
        return await response.json()
