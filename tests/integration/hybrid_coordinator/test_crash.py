"""The process is killed while clients write: what was acknowledged is there, and counted once."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from support.http import Api, Keys, api

from .fakes import Others

CLIENTS = 50
WAIT_SECONDS = 60.0


@dataclass
class Client:
    """One that writes interactions which all use the same skill, under ids of its own.

    Attributes:
        number: makes its skill and its questions different from those of others.
        skill: id of the skill.
        asked: what it has tried to store, by id.
        tracked, reported: what the service has acknowledged.
    """

    number: int
    skill: str
    asked: dict[str, dict[str, object]] = field(default_factory=dict)
    tracked: set[str] = field(default_factory=set)
    reported: set[str] = field(default_factory=set)

    async def write(self, service: Api) -> None:
        """Track interactions and report their outcomes for as long as the service answers."""
        with contextlib.suppress(aiohttp.ClientError):
            for turn in range(1000):
                id_ = str(uuid.uuid4())
                self.asked[id_] = {
                    "interaction_id": id_,
                    "query": f"question {self.number} {turn}",
                    "response": "answer",
                    "context_ids": [self.skill],
                }
                await self.store(service, id_)

    async def store(self, service: Api, id_: str) -> None:
        """Track one interaction and report its outcome, again or for the first time."""
        tracked = await service("POST", "/interactions", json=self.asked[id_])
        assert tracked.status == 200, tracked.body
        assert id_ not in self.tracked or tracked.json["status"] == "unchanged"
        self.tracked.add(id_)
        reported = await service("POST", f"/interactions/{id_}/outcome", json={"outcome": "success"})
        assert reported.status == 200, reported.body
        assert id_ not in self.reported or reported.json["status"] == "unchanged"
        self.reported.add(id_)


def skill(number: int) -> dict[str, str]:
    """A skill whose name is like no other's."""
    return {"skill_name": f"{number:x}".join("aeiou"), "description": f"way {number}", "usage_pattern": "List it"}


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
            limit = time.monotonic() + WAIT_SECONDS
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
        "garbage": {"interval": 0.5},
    }
    config.write_text(json.dumps(settings))
    clients = []
    async with process(config, keys, port) as (service, child):
        for number in range(CLIENTS):
            stored = await service("POST", "/collections/skills-patterns/items", json=skill(number))
            clients.append(Client(number, stored.json["id"]))
        writing = [asyncio.create_task(client.write(service)) for client in clients]
        limit = time.monotonic() + WAIT_SECONDS
        while sum(len(client.reported) for client in clients) < CLIENTS and time.monotonic() < limit:
            await asyncio.sleep(0.01)
        child.send_signal(signal.SIGKILL)
        await asyncio.gather(*writing)
    assert sum(len(client.reported) for client in clients) >= CLIENTS
    async with process(config, keys, port) as (service, _):
        for id_, client in [(id_, each) for each in clients for id_ in each.tracked]:
            found = await service("GET", f"/interactions/{id_}")
            assert found.status == 200
            assert id_ not in client.reported or found.json["outcome"] == "success"
        # As clients do that had no answer: what was stored all the same is not stored again.
        await asyncio.gather(*(client.store(service, id_) for client in clients for id_ in client.asked))
        stored_items = (await service("GET", "/collections")).json["collections"]
        assert {c["name"]: c["items"] for c in stored_items}["interaction-history"] == sum(
            len(client.asked) for client in clients
        )
        for client in clients:
            assert await uses(service, client) == len(client.asked)


async def uses(service: Api, client: Client) -> int:
    """How often a client's skill counts as used, when everything has been worked through."""
    limit = time.monotonic() + WAIT_SECONDS
    for id_ in client.asked:
        while (await service("GET", f"/interactions/{id_}")).json["pending"] and time.monotonic() < limit:
            await asyncio.sleep(0.02)
    body = {"query": skill(client.number)["skill_name"], "collections": ["skills-patterns"], "min_similarity": 0.0}
    results = (await service("POST", "/search", json={**body, "limit": 50})).json["results"]
    (record,) = [result for result in results if result["id"] == client.skill]
    # Each weighs a little less than one from the first second on.
    return round(float(record["uses"]))
