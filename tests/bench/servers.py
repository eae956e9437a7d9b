"""The servers that are compared, as processes."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from bench.processes import cpu_seconds, resident_bytes

START_DEADLINE = 300.0
PEERS = Path(__file__).parent / "peers"
OURS = "ai-stack"
FLASK = "Flask, 25 ms window"
SENTENCE_TRANSFORMERS = "sentence-transformers behind aiohttp"
INFINITY = "infinity"


class StartError(Exception):
    """A server ended before it answered, or did not answer in time."""


@dataclass(frozen=True, slots=True)
class Server:
    """How a server is started and asked."""

    name: str
    command: tuple[str, ...]
    port: int
    path: str = "/embed"
    field: str = "inputs"

    @property
    def url(self) -> str:
        """Where texts are sent."""
        return f"http://127.0.0.1:{self.port}{self.path}"

    def body(self, texts: list[str]) -> dict[str, Any]:
        """The request for texts."""
        return {self.field: texts, **({"model": "bench"} if self.field == "input" else {})}


@dataclass(frozen=True, slots=True)
class Running:
    """A server that has answered."""

    server: Server
    pid: int
    start_seconds: float
    start_cpu_seconds: float
    start_resident_bytes: int


def ours(model: Path, directory: Path, workers: int | None, *, cache_bytes: int = 0) -> Server:
    """This project's service, without keys, limits and, by default, cache: the others have none."""
    port = _free_port()
    settings: dict[str, Any] = {
        "port": port,
        "auth": "disabled",
        "rate_limits": {"interactive": None, "ingest": None},
        "model_dir": str(model),
        "cache_dir": str(directory / "cache"),
        "cache_bytes": cache_bytes,
        "max_batch_size": 64,
        "log_level": "WARNING",
        **({"workers": workers} if workers else {}),
    }
    config = directory / "embeddings.json"
    config.write_text(json.dumps(settings))
    return Server(OURS, (sys.executable, "-m", "ai_stack.embeddings", "--config", str(config)), port)


def peers(model: Path, pythons: Sequence[Path]) -> tuple[list[Server], list[str]]:
    """Return the peers that one of the environments can run, and the names of those that all lack something for."""
    found, missing = [], []
    for name, script, needs in (
        (FLASK, "flask_server.py", ("flask", "sentence_transformers")),
        (SENTENCE_TRANSFORMERS, "sentence_transformers_server.py", ("sentence_transformers", "aiohttp")),
        (INFINITY, None, ("infinity_emb",)),
    ):
        python = next((python for python in pythons if _has(python, needs)), None)
        if python is None:
            missing.append(name)
            continue
        port = _free_port()
        if script is not None:
            found.append(Server(name, (str(python), str(PEERS / script), str(model), str(port)), port))
        else:
            options = ("--model-id", str(model), "--served-model-name", "bench", "--engine", "torch", "--device", "cpu")
            where = ("--host", "127.0.0.1", "--port", str(port))
            command = (str(python.parent / "infinity_emb"), "v2", *options, *where)
            found.append(Server(name, command, port, "/embeddings", "input"))
    return found, missing


@asynccontextmanager
async def running(server: Server, session: aiohttp.ClientSession, log: Path) -> AsyncIterator[Running]:
    """Start a server, wait for its first vector, and stop it in the end.

    Raises:
        StartError: see there; the message names the log.
    """
    environ = {**os.environ, "HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1", "TOKENIZERS_PARALLELISM": "false"}
    begun = time.perf_counter()
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(*server.command, env=environ, stdout=output, stderr=output)
    try:
        while not await _answers(server, session):
            if process.returncode is not None or time.perf_counter() - begun > START_DEADLINE:
                raise StartError(f"{server.name} did not start, see {log}")
            await asyncio.sleep(0.02)
        seconds, pid = time.perf_counter() - begun, process.pid
        yield Running(server, pid, seconds, cpu_seconds(pid), resident_bytes(pid))
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), 10)
            except TimeoutError:
                process.kill()
                await process.wait()


async def _answers(server: Server, session: aiohttp.ClientSession) -> bool:
    try:
        async with session.post(server.url, json=server.body(["ready"])) as response:
            return response.status == 200
    except aiohttp.ClientConnectionError:
        return False


def _has(python: Path, modules: tuple[str, ...]) -> bool:
    check = f"import importlib.util as u, sys; sys.exit(not all(map(u.find_spec, {modules!r})))"
    return subprocess.run([str(python), "-c", check], check=False).returncode == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
