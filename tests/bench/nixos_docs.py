"""The benchmark of nixos-docs: searches for options, of questions never asked before and of remembered ones.

Needs options.json of a whole NixOS: by default that of scripts/score-nixos-docs. Vectors take minutes the first time,
and are kept in the state directory.
"""

# ruff: noqa: T201, ASYNC240 - a command prints, and nothing else waits for its loop

import asyncio
import gzip
import json
import os
import random
import statistics
import sys
import tempfile
import time
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from bench.command import finish, parser
from bench.embeddings import default_model
from bench.processes import cpu_seconds, resident_bytes
from bench.results import CPU_MS, P50, P95, REQUESTS_PER_SECOND, RESIDENT, Metric, Results, rotated

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("AI_STACK_QUALITY_DATA", ROOT.parent / "shared" / "data"))
CLIENTS = (1, 4, 16)
#: Seconds from one question of a client to its next where clients think: assistants that work, sixteen at a time.
THINKING = 0.5
PACED = f"16 clients, one question in {THINKING} s each"
NEW, REMEMBERED = "never asked before", "remembered"
VECTORS_SECONDS = 3600.0
MODEL_CPU_MS = Metric("CPU of embeddings per request", "ms", "lower")
OPEN: dict[str, Any] = {
    "auth": "disabled",
    "port": 0,
    "rate_limits": {"interactive": None, "ingest": None},
    "log_level": "INFO",
}


@dataclass(frozen=True, slots=True)
class Service:
    """A service that runs: its process and its address."""

    pid: int
    url: str


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark."""
    made = parser("nixos-docs", __doc__, rounds=3, seconds=5)
    made.add_argument("--options", type=Path, default=DATA / "nixos-options.json.gz", help="options.json")
    made.add_argument("--docs", type=Path, default=ROOT / "docs", help="directory whose folders are a source each")
    made.add_argument("--state", type=Path, required=True, help="where index and vectors are kept")
    given = made.parse_args(arguments)
    model = default_model()
    if model is None or not given.options.is_file():
        print(f"the model is not installed, or {given.options} is not there", file=sys.stderr)
        return 1
    results = Results("nixos-docs", reference=NEW, settings={"rounds": given.rounds, "seconds": given.seconds})
    given.state.mkdir(parents=True, exist_ok=True)
    asyncio.run(_measure(given, model, results))
    return finish(results, "Benchmark of nixos-docs", [P95, CPU_MS], given)


async def _measure(given: Any, model: Path, results: Results) -> None:
    options = json.loads(gzip.decompress(given.options.read_bytes()))
    new = not (given.state / "index.sqlite").exists()
    results.bar("seconds to build the index without vectors", await _build_seconds(given), at_most=60)
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
        models = {"model_dir": str(model), "cache_dir": str(given.state / "model"), "cache_bytes": 0}
        embeddings = await stack.enter_async_context(_service("ai_stack.embeddings", given.state, models))
        settings = {
            "index": str(given.state / "index.sqlite"),
            "options": str(given.options),
            "docs": str(given.docs),
            "embeddings_url": embeddings.url,
            "embeddings_timeout": 10,
        }
        docs = await stack.enter_async_context(_service("ai_stack.nixos_docs", given.state, settings))
        begun = time.perf_counter()
        await _until_ready(session, docs)
        if new:
            results.bar("minutes until a new index has its vectors", (time.perf_counter() - begun) / 60, at_most=15)
        for number in range(given.rounds):
            for clients in rotated(CLIENTS, number):
                workload = f"{clients} client{'s' if clients > 1 else ''}"
                for kind in rotated((NEW, REMEMBERED), number):
                    questions = _questions(options, f"{number} {clients}", repeat=kind == REMEMBERED)
                    await _round(results, workload, kind, clients, given.seconds, session, docs, embeddings, questions)
            questions = _questions(options, f"{number} thinking", repeat=False)
            await _round(
                results, PACED, NEW, 16, given.seconds, session, docs, embeddings, questions, thinking=THINKING
            )
        medians = {
            each.subject: each.median
            for each in results.series()
            if (each.workload, each.metric) == ("16 clients", P95)
        }
        paced = next(each.median for each in results.series() if (each.workload, each.metric) == (PACED, P95))
        results.bar(f"p95 in ms of questions never asked before, {PACED}", paced, at_most=20)
        results.bar("p95 in ms of questions never asked before, 16 clients", medians[NEW], at_most=20)
        results.bar("p95 in ms of remembered questions, 16 clients", medians[REMEMBERED], at_most=20)
        results.bar("memory in MiB", resident_bytes(docs.pid) / 2**20, at_most=400)
    results.note(
        "Clients ask again as soon as they have their answer, or think in between, all from one process on the same "
        "cores. Sixteen that never think get their answers within 20 ms only if one takes 1.25 ms, that of the client "
        "and of the network included. Questions are the first words of descriptions of options, and parts of names."
    )


async def _round(
    results: Results,
    workload: str,
    kind: str,
    clients: int,
    seconds: float,
    session: aiohttp.ClientSession,
    docs: Service,
    embeddings: Service,
    questions: Iterator[str],
    *,
    thinking: float = 0.0,
) -> None:
    times: list[float] = []
    before = cpu_seconds(docs.pid), cpu_seconds(embeddings.pid)
    begun = time.perf_counter()

    async def client(place: int) -> None:
        # Those that think do not all begin to at once.
        await asyncio.sleep(thinking * place / clients)
        while time.perf_counter() - begun < seconds:
            asked = time.perf_counter()
            async with session.post(f"{docs.url}/options/search", json={"query": next(questions)}) as response:
                await response.read()
                response.raise_for_status()
            taken = time.perf_counter() - asked
            times.append(taken)
            if thinking > taken:
                await asyncio.sleep(thinking - taken)

    await asyncio.gather(*(client(place) for place in range(clients)))
    elapsed = time.perf_counter() - begun
    used = cpu_seconds(docs.pid) - before[0], cpu_seconds(embeddings.pid) - before[1]
    percentiles = statistics.quantiles(times, n=100, method="inclusive")
    for metric, value in (
        (P50, percentiles[49] * 1000),
        (P95, percentiles[94] * 1000),
        (REQUESTS_PER_SECOND, len(times) / elapsed),
        (CPU_MS, used[0] / len(times) * 1000),
        (MODEL_CPU_MS, used[1] / len(times) * 1000),
        (RESIDENT, resident_bytes(docs.pid) / 2**20),
    ):
        results.add(workload, kind, metric, value)


async def _build_seconds(given: Any) -> float:
    with tempfile.TemporaryDirectory() as target:
        command = (sys.executable, "-m", "ai_stack.nixos_docs.build", "--options", str(given.options))
        begun = time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            *command, "--docs", str(given.docs), "-o", target, stdout=DEVNULL
        )
        if await process.wait():
            sys.exit("the index cannot be built")
        return time.perf_counter() - begun


def _questions(options: dict[str, Any], seed: str, *, repeat: bool) -> Iterator[str]:
    """Questions about options, none of them twice; with `repeat`, forty again and again."""
    chosen = random.Random("remembered" if repeat else seed)
    names = sorted(options)

    def one() -> str:
        name = chosen.choice(names)
        described = options[name].get("description") or ""
        words = (described if isinstance(described, str) else described.get("text", "")).split()
        if chosen.random() < 0.7 and len(words) > 5:
            return " ".join(words[: chosen.randint(4, 9)]) + f" {chosen.choice(names).split('.')[-1]}"
        return " ".join(chosen.sample(name.split("."), k=min(3, name.count(".") + 1))) + f" {chosen.choice(names)[:12]}"

    if repeat:
        few = [one() for _ in range(40)]
        while True:
            yield from few
    seen: set[str] = set()
    while True:
        question = one()
        if question not in seen:
            seen.add(question)
            yield question


@asynccontextmanager
async def _service(module: str, state: Path, settings: dict[str, Any]) -> AsyncIterator[Service]:
    config, log = state / f"{module}.json", state / f"{module}.log"
    config.write_text(json.dumps({**OPEN, **settings}))
    with log.open("wb") as output:
        command = (sys.executable, "-m", module, "--config", str(config))
        process = await asyncio.create_subprocess_exec(*command, stdout=output, stderr=output)
    try:
        yield Service(process.pid, await _address(process, log))
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


async def _address(process: asyncio.subprocess.Process, log: Path) -> str:
    async with asyncio.timeout(120):
        while True:
            for line in log.read_text().splitlines():
                if '"service.listening"' in line:
                    entry = json.loads(line)
                    return f"http://{entry['address']}:{entry['port']}"
            if process.returncode is not None:
                sys.exit(f"the service did not start; see {log}")
            await asyncio.sleep(0.1)


async def _until_ready(session: aiohttp.ClientSession, docs: Service) -> None:
    """Wait for the vectors, and for those of words, without which no search under load is quick."""
    async with asyncio.timeout(VECTORS_SECONDS):
        while True:
            async with session.get(f"{docs.url}/cache/stats") as response:
                stats = await response.json() if response.status == 200 else {}
            if stats.get("vectors", {}).get("status") == "ready" and stats["vectors"]["words"]:
                return
            await asyncio.sleep(0.5)
