"""Everything that aidb consists of or needs, killed at random moments of an import of 500 documents.

More rounds than the one that is always run: `AI_STACK_KILL_ROUNDS=20 pytest tests/integration/aidb/test_kills.py`.
"""

import asyncio
import json
import os
import random
import signal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ai_stack.local.postgres import ConnectionParameters
from support.aidb_faults import FAULTS
from support.http import Api, Keys, api
from support.stores import PostgresFixture, ValkeyFixture
from support.waiting import eventually

from .conftest import settings_for
from .fakes import FakeEmbeddings
from .test_crash import Process
from .test_documents import rows

ROUNDS = int(os.environ.get("AI_STACK_KILL_ROUNDS", "1"))
DOCUMENTS = 500
#: Longest wait before a kill in seconds; an import takes a few of them.
LONGEST_WAIT = 0.6
NDJSON = {"Content-Type": "application/x-ndjson"}


async def faults(store: ConnectionParameters) -> dict[str, int]:
    """Return the faults in the database, with their number."""
    found = {name: (await asyncio.to_thread(rows, store, statement))[0][0] for name, statement in FAULTS.items()}
    return {name: number for name, number in found.items() if number}


async def persist(aidb: Api, method: str, path: str, **kwargs: Any) -> Any:
    """Send a request until it is answered with success: whoever is killed is back soon."""
    answer: Any = None

    async def answered() -> bool:
        nonlocal answer
        try:
            answer = await aidb(method, path, **kwargs)
        except (aiohttp.ClientError, TimeoutError):
            return False
        assert answer.status < 300 or answer.status in (429, 500, 503, 504), answer.body
        return bool(answer.status < 300)

    await eventually(answered)
    return answer.json


@pytest.mark.parametrize("number", range(ROUNDS))
async def test_every_acknowledged_document_is_whole_and_found_whoever_was_killed(
    number: int,
    tmp_path: Path,
    keys: Keys,
    store: ConnectionParameters,
    postgres: PostgresFixture,
    valkey: ValkeyFixture,
    embeddings: FakeEmbeddings,
    free_port: int,
) -> None:
    chance = random.Random(number)
    cache = await asyncio.to_thread(valkey.fresh)
    changes = {
        "port": free_port,
        "api_keys_file": str(keys.path),
        "embeddings_url": embeddings.url,
        "redis_url": cache.url,
        "redis_password": cache.password,
        "rate_limits": {"interactive": None, "ingest": None},
    }
    process = Process(tmp_path, settings_for(store, **changes))
    await process.start()

    async def kill_aidb() -> None:
        await process.end(signal.SIGKILL)
        await process.start()

    async def kill_postgres() -> None:
        await asyncio.to_thread(postgres.server.kill)
        # On the main thread, see `test_degradation`.
        postgres.server.start()

    async def kill_valkey() -> None:
        await asyncio.to_thread(valkey.server.kill)
        valkey.server.start()

    async def kill_embeddings() -> None:
        await embeddings.stop()
        await embeddings.start()

    victims = [kill_aidb, kill_postgres, kill_valkey, kill_embeddings, kill_aidb, kill_postgres]
    chance.shuffle(victims)

    async def kill_them() -> None:
        for kill in victims:
            await asyncio.sleep(chance.uniform(0.0, LONGEST_WAIT))
            await kill()

    lines = "".join(
        json.dumps({"path": f"{n}.md", "content": f"# Page {n}\n\nIt says word{n}.\n\n## More\n\nMore of word{n}.\n"})
        + "\n"
        for n in range(DOCUMENTS)
    ).encode()
    try:
        async with api(f"http://127.0.0.1:{free_port}", keys.write) as aidb:
            await persist(aidb, "GET", "/stats")
            killing = asyncio.create_task(kill_them())
            job_id = (await persist(aidb, "POST", "/documents/import", data=lines, headers=NDJSON))["id"]

            async def finished() -> bool:
                return bool((await persist(aidb, "GET", f"/jobs/{job_id}"))["state"] != "running")

            async def embedded() -> bool:
                return bool((await persist(aidb, "GET", "/stats"))["chunks_pending"] == 0)

            await eventually(finished)
            await killing
            await eventually(embedded)
            job = await persist(aidb, "GET", f"/jobs/{job_id}")
            assert (job["state"], job["done"], job["refused"]) == ("succeeded", DOCUMENTS, 0)
            for wanted in chance.sample(range(DOCUMENTS), 20):
                body = {"query": f"word{wanted}", "limit": 1}
                found = await persist(aidb, "POST", "/search", json=body)
                assert found["results"][0]["path"] == f"{wanted}.md"
        assert await faults(store) == {}
        assert (await asyncio.to_thread(rows, store, "SELECT count(*) FROM documents")) == [(DOCUMENTS,)]
    finally:
        await process.end(signal.SIGKILL)
