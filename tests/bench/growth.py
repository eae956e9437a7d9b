"""What a hybrid search of aidb costs with many chunks, against few."""

# ruff: noqa: T201 - a command prints

import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np

from ai_stack.local.blueprint import model_directory
from ai_stack.local.paths import private_directory, secret
from ai_stack.local.ports import choose_ports
from ai_stack.local.postgres import ConnectionParameters, Postgres
from ai_stack.local.program import RunningProgram
from bench import command
from bench.processes import cpu_seconds
from bench.results import CPU_MS, FAILURES, P50, P95, Results, rotated
from bench.rows import Matrix, fill
from load.payloads import Payloads, read_sentences

ROOT = Path(__file__).resolve().parents[2]
WORKLOAD = "hybrid search, 4 clients, questions never asked before"
CLIENTS = 4
LIMIT = 2.0
_SENTENCES = 4000
_BATCH = 32
_COUNT_SECONDS = 600


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark. What was generated is kept in the state directory, and used again."""
    parser = command.parser("growth", __doc__, rounds=5, seconds=10.0)
    parser.add_argument("--state", type=Path, required=True, help="directory for the stores; a million need 8 GB")
    parser.add_argument("--small", type=int, default=10_000, help="chunks (default 10000)")
    parser.add_argument("--large", type=int, default=1_000_000, help="chunks (default 1000000)")
    given = parser.parse_args(arguments)
    sizes = (given.small, given.large)
    labels = {size: f"{size:,} chunks".replace(",", " ") for size in sizes}
    settings = {"rounds": given.rounds, "seconds": given.seconds}
    results = Results("growth", reference=labels[given.large], settings=settings)
    asyncio.run(Growth(given.state, labels, results).run(given.rounds, given.seconds))
    cost = results.median(WORKLOAD, labels[given.large], CPU_MS) / results.median(WORKLOAD, labels[given.small], CPU_MS)
    results.bar(f"CPU per hybrid search, {labels[given.large]} against {labels[given.small]}", cost, at_most=LIMIT)
    results.note(
        "Processor time is that of aidb and PostgreSQL; the vector of the question costs the same at every size and is "
        "left out, which makes the ratio larger. Chunks are generated: text and vector of each are made of two "
        "sentences of this project's documents and some noise. They have fewer words than a million real ones: a "
        "word of a question is in more chunks, and keywords cost more, than they would."
    )
    return command.finish(results, "Cost of a search as documents grow", (CPU_MS, P95), given)


class Growth:
    """One PostgreSQL with a database per size, one embeddings service, one aidb per database.

    Args:
        state: directory of the stores.
        labels: name of each size.
        results: what is measured goes there.
    """

    def __init__(self, state: Path, labels: dict[int, str], results: Results) -> None:
        self._state = private_directory(state.absolute())
        self._labels = labels
        self._results = results
        self._postgres = Postgres(self._state, settings={"shared_buffers": "1GB", "max_wal_size": "16GB"})
        names = ["embeddings", *labels.values()]
        self._urls = {name: f"http://127.0.0.1:{port}" for name, port in choose_ports(names, {}).items()}

    async def run(self, rounds: int, seconds: float) -> None:
        """Generate what is missing, and measure."""
        self._postgres.prepare()
        server = RunningProgram(self._postgres.program())
        await asyncio.to_thread(server.start)
        try:
            async with contextlib.AsyncExitStack() as stack:
                session = await stack.enter_async_context(aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(60)))
                await stack.enter_async_context(self._service("embeddings", self._embeddings_settings(), session))
                for size, label in self._labels.items():
                    await self._prepare(size, label, session)
                pids = {
                    label: await stack.enter_async_context(self._aidb(label, session))
                    for label in self._labels.values()
                }
                for size, label in self._labels.items():
                    await self._counted(size, label)
                for number in range(rounds):
                    for label in rotated(list(pids), number):
                        await self._measure(label, pids[label], server.pid, session, number, seconds)
        finally:
            await asyncio.to_thread(server.stop)

    async def _prepare(self, size: int, label: str, session: aiohttp.ClientSession) -> None:
        database = self._database(label)
        await asyncio.to_thread(self._postgres.ensure_database, database)
        connection = database.connect()
        with contextlib.closing(connection), connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass('chunks_embedding') IS NOT NULL")
            if cursor.fetchone()[0]:
                cursor.execute("SELECT count(*) FROM chunks")
                if cursor.fetchone()[0] == size:
                    return
            # The service makes its tables, and says which model the vectors are of.
            async with self._aidb(label, session):
                pass
            begun = time.monotonic()
            sentences, vectors = await self._corpus(session)
            cursor.execute("TRUNCATE documents CASCADE")
            await asyncio.to_thread(fill, connection, size, sentences, vectors)
            print(f"{label}: generated in {time.monotonic() - begun:.0f} s", file=sys.stderr)

    async def _counted(self, size: int, label: str) -> None:
        """Wait for aidb's count of words, which a new database gets in the background: it is no part of a search."""
        connection = self._database(label).connect()
        with contextlib.closing(connection), connection.cursor() as cursor:
            async with asyncio.timeout(_COUNT_SECONDS):
                while True:
                    cursor.execute(
                        "SELECT chunks BETWEEN 0.9 * %(size)s AND 1.1 * %(size)s FROM corpus_statistics", {"size": size}
                    )
                    if cursor.fetchone()[0]:
                        return
                    await asyncio.sleep(0.5)

    async def _corpus(self, session: aiohttp.ClientSession) -> tuple[list[str], Matrix]:
        sentences = read_sentences(ROOT / "docs")[:_SENTENCES]
        vectors: list[list[float]] = []
        for start in range(0, len(sentences), _BATCH):
            body = {"inputs": sentences[start : start + _BATCH]}
            async with session.post(f"{self._urls['embeddings']}/embed", json=body, raise_for_status=True) as answer:
                vectors += await answer.json()
        return sentences, np.asarray(vectors, dtype=np.float32)

    async def _measure(
        self, label: str, aidb: int, postgres: int, session: aiohttp.ClientSession, seed: int, seconds: float
    ) -> None:
        payloads = Payloads(read_sentences(ROOT / "docs"), repeats=0, seed=seed + 1)
        latencies: list[float] = []
        failures = 0
        cpu = cpu_seconds(aidb) + cpu_seconds(postgres)
        end = time.perf_counter() + seconds

        async def client() -> None:
            nonlocal failures
            while (begun := time.perf_counter()) < end:
                body = {"query": payloads.query(), "limit": 10}
                async with session.post(f"{self._urls[label]}/search", json=body) as answer:
                    failures += answer.status != 200 or (await answer.json())["degraded"]
                latencies.append((time.perf_counter() - begun) * 1000)

        await asyncio.gather(*(client() for _ in range(CLIENTS)))
        used = cpu_seconds(aidb) + cpu_seconds(postgres) - cpu
        self._results.add(WORKLOAD, label, CPU_MS, used / len(latencies) * 1000)
        self._results.add(WORKLOAD, label, P50, float(np.percentile(latencies, 50)))
        self._results.add(WORKLOAD, label, P95, float(np.percentile(latencies, 95)))
        self._results.add(WORKLOAD, label, FAILURES, failures)
        print(f"{label}: {used / len(latencies) * 1000:.1f} ms CPU, {len(latencies)} requests", file=sys.stderr)

    def _database(self, label: str) -> ConnectionParameters:
        name = f"bench_{label.replace(' ', '_')}"
        return self._postgres.address(name, name, secret(private_directory(self._state / "credentials") / name))

    @contextlib.asynccontextmanager
    async def _aidb(self, label: str, session: aiohttp.ClientSession) -> AsyncIterator[int]:
        database = self._database(label)
        settings = {
            "postgres_host": database.host,
            "postgres_port": database.port,
            "postgres_database": database.database,
            "postgres_user": database.user,
            "postgres_timeout": 60.0,
            "embeddings_url": self._urls["embeddings"],
        }
        async with self._service("aidb", settings, session, label, database.password) as pid:
            yield pid

    def _embeddings_settings(self) -> dict[str, Any]:
        return {"model_dir": str(model_directory()), "cache_dir": str(private_directory(self._state / "embeddings"))}

    @contextlib.asynccontextmanager
    async def _service(
        self,
        name: str,
        settings: dict[str, Any],
        session: aiohttp.ClientSession,
        label: str | None = None,
        password: str | None = None,
    ) -> AsyncIterator[int]:
        """Run a service until the block ends; give its process id when it can serve."""
        url = self._urls[label or name]
        directory = private_directory(self._state / f"{name}-{label or ''}".replace(" ", "-"))
        common = {"port": int(url.rpartition(":")[2]), "auth": "disabled", "log_level": "WARNING"}
        unlimited = {"rate_limits": {"interactive": None, "ingest": None}}
        (directory / "settings.json").write_text(json.dumps({**common, **unlimited, **settings}))
        if password is not None:
            (directory / "postgres_password").write_text(password)
        arguments = ("-m", f"ai_stack.{name}", "--config", str(directory / "settings.json"))
        with (directory / "log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *arguments,
                env={**os.environ, "CREDENTIALS_DIRECTORY": str(directory)},
                stdout=log,
                stderr=log,
            )
        try:
            while True:
                if process.returncode is not None:
                    raise RuntimeError(f"{name} did not start, see {directory / 'log'}")
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(f"{url}/health/ready") as answer:
                        if answer.status == 200:
                            break
                await asyncio.sleep(0.1)
            yield process.pid
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()
