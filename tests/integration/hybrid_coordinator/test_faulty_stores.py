"""Stores that are there and do not do their part: Redis lies, and the disk under Qdrant's local mode is full."""

import asyncio
import json
import resource
import socket
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from support.http import Api, Keys
from support.proxy import proxy
from support.stores import ValkeyFixture
from support.waiting import eventually

from .conftest import Start
from .fakes import AIDB_TEXT, Others
from .test_crash import process

QUESTION = "How do I open a port in the firewall?"
REPLIES: dict[str, Callable[[bytes], bytes]] = {
    "noise": lambda _: b"\x00\xff\xfe noise \r\n\r\n",
    "a number that is none": lambda _: b":ten\r\n",
    "another type": lambda _: b"*2\r\n:1\r\n:2\r\n",
    "text": lambda _: b"$3\r\nabc\r\n",
    "nothing": lambda _: b"",
}


@pytest.mark.parametrize("reply", REPLIES)
async def test_whatever_redis_replies_a_turn_is_answered_and_says_what_it_lacks(
    start: Start, valkey: ValkeyFixture, reply: str
) -> None:
    redis = await asyncio.to_thread(valkey.fresh)
    async with (
        proxy(redis.socket) as between,
        start(redis_url=f"redis://127.0.0.1:{between.port}", redis_password=redis.password) as hybrid,
    ):
        first = (await hybrid("POST", "/context/multi_turn", json={"query": QUESTION})).json
        assert (first["turn_number"], first["degraded"]) == (1, False)
        between.change = REPLIES[reply]
        for _ in range(3):
            body = {"query": QUESTION, "session_id": first["session_id"]}
            answer = await hybrid("POST", "/context/multi_turn", json=body)
            assert answer.status == 200, answer.body
            assert answer.json["degraded"] is True
            assert "redis" in answer.json["degraded_services"]
            assert AIDB_TEXT in answer.json["context"]
            assert (await hybrid("GET", f"/session/{first['session_id']}")).status in (503, 504)


def interaction() -> dict[str, str]:
    return {"interaction_id": str(uuid.uuid4()), "query": QUESTION, "response": "List it. " * 3000}


async def test_a_full_disk_refuses_what_it_cannot_keep_and_keeps_what_it_acknowledged(
    keys: Keys, fakes: Others, tmp_path: Path
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {
        "port": port,
        "api_keys_file": str(keys.path),
        "embeddings_url": fakes.embeddings.url,
        "aidb_url": fakes.aidb.url,
        "nixos_docs_url": fakes.docs.url,
        "qdrant_path": str(tmp_path / "qdrant"),
    }
    config = tmp_path / "config.json"
    config.write_text(json.dumps(settings))
    async with process(config, keys, port) as (hybrid, child):
        kept = [interaction()]
        assert (await hybrid("POST", "/interactions", json=kept[0])).status == 200
        # What a full disk is to the process, without one: no file of it grows beyond 4 KiB (setrlimit(2)).
        soft, hard = resource.prlimit(child.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (4096, hard))
        refused = 0
        for _ in range(4):
            wanted = interaction()
            answer = await hybrid("POST", "/interactions", json=wanted)
            assert answer.status in (200, 503), answer.body
            if answer.status == 200:
                kept.append(wanted)
            refused += answer.status == 503
        assert refused
        asked = await hybrid("POST", "/augment_query", json={"query": QUESTION})
        assert AIDB_TEXT in asked.json["augmented_prompt"]

        resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (soft, hard))
        kept.append(interaction())

        async def stored() -> bool:
            return (await hybrid("POST", "/interactions", json=kept[-1])).status == 200

        await eventually(stored)
        await all_are_there(hybrid, kept)
    async with process(config, keys, port) as (hybrid, _):
        await all_are_there(hybrid, kept)


async def all_are_there(hybrid: Api, kept: list[dict[str, str]]) -> None:
    for each in kept:
        answer = await hybrid("GET", f"/interactions/{each['interaction_id']}")
        assert answer.status == 200, answer.body
