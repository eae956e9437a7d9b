"""How long hybrid-coordinator takes when what it asks fails, in each way that the tests' stand-ins know."""

# ruff: noqa: T201 - a command prints

import asyncio
import contextlib
import json
import os
import socket
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from bench.results import Metric, Results
from integration.hybrid_coordinator.fakes import FakeService, Others, others
from integration.hybrid_coordinator.qdrant_stub import QdrantStub, qdrant_stub

DEADLINE = 1.0
#: What may pass beyond the deadline.
SLACK_MS = 50.0
#: More than failures in a row open a circuit, so that answers before and after are measured.
QUESTIONS = 7
START_SECONDS = 60.0
KEY = "key-of-qdrant"

SLOWEST = Metric("slowest answer", "ms", "lower")
REFUSES = "refuses connections"
SERVICES = ("hang", "slow", "error", "not_json", "wrong_shape", "empty", "cut_off", "refuses_key", REFUSES)
QDRANT = ("hang", "error", "not_json", "null")


class WrongAnswer(Exception):
    """An answer that is no degraded one."""


async def measure_deadline(results: Results, directory: Path) -> float:
    """Let each dependency fail in each way, and return the slowest answer of all in milliseconds.

    Raises:
        WrongAnswer: not 200 and degraded, or not 503 where nothing can be searched.
    """
    slowest = 0.0
    async with others() as fakes, qdrant_stub(KEY) as qdrant:
        targets: dict[str, tuple[FakeService | QdrantStub, tuple[str, ...]]] = {
            "embeddings": (fakes.embeddings, SERVICES),
            "aidb": (fakes.aidb, SERVICES),
            "nixos-docs": (fakes.docs, SERVICES),
            "qdrant": (qdrant, QDRANT),
        }
        cases = [({name: dependency}, mode) for name, (dependency, modes) in targets.items() for mode in modes]
        everything = {name: dependency for name, (dependency, _) in targets.items()}
        cases += [(everything, "hang"), (everything, "error")]
        for failing, mode in cases:
            async with coordinator(fakes, qdrant, directory / "settings.json") as (session, url):
                taken = await _slowest_answer(session, url, failing, mode)
            name = next(iter(failing)) if len(failing) == 1 else "everything"
            print(f"{name} fails ({mode}): {taken:.0f} ms", file=sys.stderr)
            results.add(f"{name} fails", mode, SLOWEST, taken)
            slowest = max(slowest, taken)
    return slowest


async def _slowest_answer(
    session: aiohttp.ClientSession, url: str, failing: Mapping[str, FakeService | QdrantStub], mode: str
) -> float:
    async with AsyncExitStack() as stack:
        for dependency in failing.values():
            await stack.enter_async_context(_failing(dependency, mode))
        times = []
        for number in range(QUESTIONS):
            begun = time.perf_counter()
            async with session.post(url, json={"query": f"How do I open port {number} in the firewall?"}) as response:
                answer = await response.json()
            times.append((time.perf_counter() - begun) * 1000)
            whole = len(failing) > 1
            if response.status != (503 if whole else 200) or not (whole or answer["degraded_services"] == [*failing]):
                raise WrongAnswer(f"{', '.join(failing)} {mode}: {response.status} {answer}")
    return max(times)


@asynccontextmanager
async def _failing(dependency: FakeService | QdrantStub, mode: Any) -> AsyncIterator[None]:
    if mode == REFUSES and isinstance(dependency, FakeService):
        await dependency.stop()
        yield
        await dependency.start()
        return
    if isinstance(dependency, FakeService):
        dependency.delay = 3 * DEADLINE
    dependency.mode = mode
    yield
    dependency.mode = "ok"


@asynccontextmanager
async def coordinator(
    fakes: Others, qdrant: QdrantStub, config: Path
) -> AsyncIterator[tuple[aiohttp.ClientSession, str]]:
    """Run the service as a process of its own; yield a session and where it takes questions, once all is well."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    settings = {
        "port": port,
        "auth": "disabled",
        "rate_limits": {"interactive": None, "ingest": None},
        "log_level": "ERROR",
        "answer_deadline": DEADLINE,
        "embeddings_url": fakes.embeddings.url,
        "aidb_url": fakes.aidb.url,
        "nixos_docs_url": fakes.docs.url,
        "qdrant_url": qdrant.url,
    }
    credentials = config.parent / "credentials"
    await asyncio.to_thread(_write, config, settings, credentials)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ai_stack.hybrid_coordinator", "--config", str(config)),
        stdout=asyncio.subprocess.DEVNULL,
        env={**os.environ, "CREDENTIALS_DIRECTORY": str(credentials), "OTEL_SDK_DISABLED": "true"},
    )
    url = f"http://127.0.0.1:{port}/augment_query"
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=START_SECONDS)) as session:
            await _until_whole(session, url)
            yield session, url
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _write(config: Path, settings: dict[str, Any], credentials: Path) -> None:
    config.write_text(json.dumps(settings))
    credentials.mkdir(exist_ok=True)
    (credentials / "qdrant_api_key").write_text(KEY)


async def _until_whole(session: aiohttp.ClientSession, url: str) -> None:
    async with asyncio.timeout(START_SECONDS):
        while True:
            with contextlib.suppress(aiohttp.ClientConnectionError):
                async with session.post(url, json={"query": "Is everything there?"}) as response:
                    if response.status == 200 and not (await response.json())["degraded"]:
                        return
            await asyncio.sleep(0.05)
