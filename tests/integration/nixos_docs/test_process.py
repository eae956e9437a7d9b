"""The service as a process of its own."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from support.http import Keys, api
from support.otlp import http_receiver
from support.waiting import PATIENCE

from .conftest import wait_for


@asynccontextmanager
async def process(config: Path, **environ: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the service; kill it in the end, whatever happened."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "ai_stack.nixos_docs", "--config", str(config)),
        env={"PATH": os.environ["PATH"], **environ},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
            await child.communicate()


def write_config(directory: Path, **content: Any) -> Path:
    path = directory / "config.json"
    path.write_text(json.dumps(content))
    return path


async def listening(child: asyncio.subprocess.Process) -> str:
    """Return the base URL that the process's log tells."""
    assert child.stderr is not None
    async with asyncio.timeout(PATIENCE):
        async for line in child.stderr:
            entry = json.loads(line)
            if entry["event"] == "service.listening":
                return f"http://{entry['address']}:{entry['port']}"
    raise AssertionError("the process ended before it listened")


async def test_it_answers_traces_its_searches_and_drains(keys: Keys, docs: Path, tmp_path: Path) -> None:
    config = write_config(
        tmp_path, port=0, api_keys_file=str(keys.path), docs=str(docs), index=str(tmp_path / "index.sqlite")
    )
    with http_receiver() as received:
        otlp = {"OTEL_EXPORTER_OTLP_ENDPOINT": received.url, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}
        async with process(config, **otlp) as child:
            async with api(await listening(child), keys.read) as client:
                await wait_for(client, 200)
                answer = await client(
                    "POST", "/search", json={"query": "port", "limit": 2, "sources": ["nixos-modules"]}
                )
                assert answer.json["results"][0]["path"] == "nixos-modules/firewall.md"
            child.send_signal(signal.SIGTERM)
            async with asyncio.timeout(PATIENCE):
                await child.communicate()
            assert child.returncode == 0
        spans = await asyncio.to_thread(received.wait_for, "POST /search", "nixos_docs.search")
    search = spans["nixos_docs.search"]
    assert search.parent_span_id == spans["POST /search"].span_id
    attributes = {item.key: item.value for item in search.attributes}
    assert attributes["limit"].int_value == 2
    assert [value.string_value for value in attributes["sources"].array_value.values] == ["nixos-modules"]


async def test_a_configuration_without_an_index_stops_the_start(tmp_path: Path) -> None:
    async with process(write_config(tmp_path, auth="disabled")) as child:
        _, errors = await child.communicate()
    assert child.returncode == os.EX_CONFIG
    assert b"index: " in errors
    assert errors.count(b"\n") == 1
