"""The process, killed in the middle of its work."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ai_stack.local.postgres import ConnectionParameters
from support.http import Api, Keys, api
from support.waiting import PATIENCE, eventually

from .conftest import settings_for
from .fakes import FakeEmbeddings
from .test_documents import rows

COMPLETE = """
    SELECT d.path, count(c.id) > 0 AND count(c.id) = count(c.embedding)
    FROM documents d LEFT JOIN chunks c ON c.document_id = d.id GROUP BY d.id, d.path"""


class Process:
    """`python -m ai_stack.aidb`, started any number of times on one port."""

    def __init__(self, directory: Path, settings: dict[str, Any]) -> None:
        self._credentials = directory / "credentials"
        self._credentials.mkdir()
        for name in ("postgres_password", "redis_password"):
            if name in settings:
                (self._credentials / name).write_text(settings.pop(name))
        self._config = directory / "aidb.json"
        self._config.write_text(json.dumps(settings))
        self._log = directory / "log"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        environment = os.environ | {"CREDENTIALS_DIRECTORY": str(self._credentials)}
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "ai_stack.aidb", "--config", str(self._config), env=environment, stderr=log
            )

    async def end(self, number: signal.Signals | None = None) -> int:
        """Send a signal, if one is given, and return the exit status."""
        assert self._process is not None
        if number is not None and self._process.returncode is None:
            self._process.send_signal(number)
        return await self._process.wait()

    def log(self) -> str:
        """Everything that it has written."""
        return self._log.read_text()


@pytest.fixture
async def process(
    tmp_path: Path, keys: Keys, store: ConnectionParameters, embeddings: FakeEmbeddings, free_port: int
) -> AsyncIterator[Process]:
    changes = {"port": free_port, "api_keys_file": str(keys.path), "embeddings_url": embeddings.url}
    started = Process(tmp_path, settings_for(store, **changes))
    await started.start()
    yield started
    await started.end(signal.SIGKILL)


@asynccontextmanager
async def client(keys: Keys, port: int) -> AsyncIterator[Api]:
    async with api(f"http://127.0.0.1:{port}", keys.write) as client_:

        async def ready() -> bool:
            try:
                return (await client_("GET", "/health/ready")).status == 200
            except aiohttp.ClientError:
                return False

        await eventually(ready)
        yield client_


async def test_nothing_acknowledged_is_lost_when_the_process_is_killed(
    process: Process, keys: Keys, store: ConnectionParameters, free_port: int
) -> None:
    acknowledged: set[str] = set()

    async def store_batch(aidb: Api, number: int) -> None:
        documents = [
            {"path": f"{number}-{n}.md", "content": f"# Page {number} {n}\n\nwords {n}\n\n## More\n\nwords"}
            for n in range(20)
        ]
        try:
            answer = await aidb("POST", "/documents/batch", json={"documents": documents})
        except aiohttp.ClientError:
            return
        assert answer.status == 200
        acknowledged.update(document["path"] for document in documents)

    for round_ in range(2):
        async with client(keys, free_port) as aidb:
            tasks = [asyncio.create_task(store_batch(aidb, 100 * round_ + number)) for number in range(12)]
            before = len(acknowledged)

            async def some_acknowledged(before: int = before) -> bool:
                return len(acknowledged) > before

            await eventually(some_acknowledged)
            await process.end(signal.SIGKILL)
            await asyncio.gather(*tasks)
        await process.start()

    async with client(keys, free_port) as aidb:

        async def all_embedded() -> bool:
            return bool((await aidb("GET", "/stats")).json["chunks_pending"] == 0)

        await eventually(all_embedded)
    found = dict(await asyncio.to_thread(rows, store, COMPLETE))
    assert acknowledged <= found.keys()
    assert all(found.values())
    assert await asyncio.to_thread(rows, store, "SELECT count(*) FROM embedding_queue") == [(0,)]
    assert await process.end(signal.SIGTERM) == 0


async def test_a_newer_schema_stops_the_process_with_one_readable_line(
    process: Process, keys: Keys, store: ConnectionParameters, free_port: int
) -> None:
    async with client(keys, free_port):
        assert await process.end(signal.SIGTERM) == 0
    newer = "INSERT INTO schema_migrations (version, name, checksum) VALUES (999, 'later', 'x') RETURNING version"
    await asyncio.to_thread(rows, store, newer)

    await process.start()
    async with asyncio.timeout(PATIENCE):
        assert await process.end() == os.EX_CONFIG
    last = json.loads((await asyncio.to_thread(process.log)).splitlines()[-1])
    assert last["event"] == "service.cannot_start"
    assert "has schema version 999" in last["reason"]
