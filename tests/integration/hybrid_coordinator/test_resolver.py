"""A resolver that never answers: who is known by address is asked all the same."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from support.waiting import PATIENCE

from .conftest import Start
from .fakes import AIDB_TEXT

#: More than the threads that look up names, so that questions would wait for each other if they held one each.
QUESTIONS = 40


@pytest.fixture
def hanging() -> Iterator[threading.Event]:
    """Lookups of names below `.test` take until the end of the test."""
    ended = threading.Event()
    look_up = socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        if str(host).endswith(".test"):
            ended.wait(PATIENCE)
            raise socket.gaierror(socket.EAI_AGAIN, "no answer")
        return look_up(host, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", getaddrinfo)
        yield ended
        ended.set()


async def test_names_that_nobody_resolves_cost_their_own_service_only(start: Start, hanging: threading.Event) -> None:
    urls = {"embeddings_url": "http://embeddings.test", "nixos_docs_url": "http://docs.test"}
    async with start(**urls, rate_limits={"interactive": None, "ingest": None}) as hybrid:
        bodies = [{"query": f"How do I open port {number} in the firewall?"} for number in range(QUESTIONS)]
        async with asyncio.timeout(PATIENCE):
            answers = await asyncio.gather(*(hybrid("POST", "/augment_query", json=body) for body in bodies))
        for answer in answers:
            assert answer.status == 200, answer.body
            assert AIDB_TEXT in answer.json["augmented_prompt"]
            assert {"embeddings", "nixos-docs"} <= set(answer.json["degraded_services"])
        # The threads that look up names are let go before the service's loop ends.
        hanging.set()
