"""The process is killed while clients write: what was acknowledged is there, and counted once."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from support.http import Api, Keys, api

from .fakes import Others

CLIENTS = 50
SKILL = {"skill_name": "Open a port", "description": "in the firewall", "usage_pattern": "List it"}


@dataclass
class Written:
    """What the service has acknowledged."""

    tracked: set[str] = field(default_factory=set)
    reported: set[str] = field(default_factory=set)


@asynccontextmanager
async def process(config: Path, keys: Keys, port: int) -> AsyncIterator[tuple[Api, asyncio.subprocess.Process]]:
    """The service as a process of its own, ready."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "ai_stack.hybrid_coordinator",
        "--config",
        str(config),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "OTEL_SDK_DISABLED": "true"},
    )
    try:
        async with api(f"http://127.0.0.1:{port}", keys.admin) as client:
            limit = time.monotonic() + 30.0
            while not await _answers(client) and time.monotonic() < limit:
                await asyncio.sleep(0.05)
            yield client, child
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()


async def _answers(client: Api) -> bool:
    try:
        return (await client("GET", "/collections")).status == 200
    except aiohttp.ClientError:
        return False


async def write(client: Api, skill: str, number: int, written: Written) -> None:
    """Track interactions and report their outcomes for as long as the service answers."""
    with contextlib.suppress(aiohttp.ClientError):
        for turn in range(1000):
            body = {"query": f"question {number} {turn}", "response": "answer", "context_ids": [skill]}
            id_ = (await client("POST", "/interactions", json=body)).json["interaction_id"]
            written.tracked.add(id_)
            answer = await client("POST", f"/interactions/{id_}/outcome", json={"outcome": "success"})
            if answer.status == 200:
                written.reported.add(id_)


async def test_nothing_acknowledged_is_lost_and_nothing_is_counted_twice(
    tmp_path: Path, keys: Keys, fakes: Others
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    config = tmp_path / "config.json"
    settings = {
        "port": port,
        "api_keys_file": str(keys.path),
        "embeddings_url": fakes.embeddings.url,
        "aidb_url": None,
        "nixos_docs_url": None,
        "qdrant_path": str(tmp_path / "qdrant"),
        "rate_limits": {"interactive": None, "ingest": None},
        "learning": {"min_value": 1.0},
        "garbage": {"interval": 0.05},
    }
    config.write_text(json.dumps(settings))
    written = Written()
    async with process(config, keys, port) as (client, child):
        skill = (await client("POST", "/collections/skills-patterns/items", json=SKILL)).json["id"]
        clients = [asyncio.create_task(write(client, skill, number, written)) for number in range(CLIENTS)]
        limit = time.monotonic() + 30.0
        while len(written.reported) < 60 and time.monotonic() < limit:
            await asyncio.sleep(0.01)
        child.send_signal(signal.SIGKILL)
        await asyncio.gather(*clients)
    assert len(written.reported) >= 60
    async with process(config, keys, port) as (client, _):
        for id_ in written.tracked:
            limit = time.monotonic() + 30.0
            while (found := await client("GET", f"/interactions/{id_}")).json["pending"] and time.monotonic() < limit:
                await asyncio.sleep(0.02)
            assert found.status == 200
            assert id_ not in written.reported or found.json["outcome"] == "success"
        body = {"query": "Open a port in the firewall", "collections": ["skills-patterns"], "min_similarity": 0.1}
        (record,) = (await client("POST", "/search", json=body)).json["results"]
        stored = {c["name"]: c["items"] for c in (await client("GET", "/collections")).json["collections"]}
    # Votes are kept of the newest 64 interactions.
    assert record["uses"] <= min(64, stored["interaction-history"])
    assert record["uses"] > min(60, len(written.tracked)) - 1
    assert len(written.tracked) <= stored["interaction-history"] <= len(written.tracked) + CLIENTS
