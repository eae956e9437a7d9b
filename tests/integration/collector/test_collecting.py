"""Runs of the collector against servers on real sockets."""

import asyncio
import json
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from ai_stack.collector.asking import Stack
from ai_stack.collector.collecting import Collector

KEY = "the key"


class Service:
    """Answers as aidb does, and counts."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.status = 200
        self.moved = False

    def application(self) -> web.Application:
        async def answer(request: web.Request) -> web.Response:
            self.asked.append(request.path)
            if self.moved:
                raise web.HTTPFound("http://127.0.0.1:9/")
            if request.path == "/health":
                return web.json_response({"status": "ok"}, status=self.status)
            if request.path == "/metrics":
                return web.Response(text="aidb_http_requests_total 5\n")
            assert request.headers["X-API-Key"] == KEY
            return web.json_response({"chunks": 10, "chunks_pending": 0, "chunks_refused": 0})

        app = web.Application()
        app.router.add_get("/{path:.*}", answer)
        return app


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
async def url(service: Service) -> AsyncIterator[str]:
    async with TestServer(service.application()) as server:
        yield str(server.make_url("")).rstrip("/")


def collector(url: str, directory: Path, clock: Clock, key: str | None = KEY) -> Collector:
    output = directory / "ai_metrics.json"
    return Collector(Stack({"aidb": url}, key), directory / "state", output, directory / "a.prom", clock)


def shown(directory: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((directory / "ai_metrics.json").read_text())
    return content


async def test_a_second_run_within_ten_seconds_asks_nobody(service: Service, url: str, tmp_path: Path) -> None:
    clock = Clock()
    assert await collector(url, tmp_path, clock).run()
    asked = list(service.asked)
    clock.now += 9.9
    assert not await collector(url, tmp_path, clock).run()
    assert service.asked == asked
    clock.now += 0.1
    assert await collector(url, tmp_path, clock).run()


async def test_slow_figures_are_kept_for_half_a_minute(service: Service, url: str, tmp_path: Path) -> None:
    clock = Clock()
    for _ in range(3):
        await collector(url, tmp_path, clock).run()
        clock.now += 10
    assert service.asked.count("/health") == 3
    assert service.asked.count("/stats") == 1
    await collector(url, tmp_path, clock).run()
    assert service.asked.count("/stats") == 2


async def test_without_a_key_no_count_is_asked_for_or_shown(service: Service, url: str, tmp_path: Path) -> None:
    clock = Clock()
    await collector(url, tmp_path, clock).run()
    clock.now += 10
    await collector(url, tmp_path, clock, key=None).run()
    assert service.asked.count("/stats") == 1
    assert shown(tmp_path)["knowledge_base"]["real_embeddings_percent"] is None


async def test_the_output_can_be_read_by_others_and_the_state_cannot(url: str, tmp_path: Path) -> None:
    await collector(url, tmp_path, Clock()).run()
    assert shown(tmp_path)["knowledge_base"]["real_embeddings_percent"] == 100
    assert "aidb" in (tmp_path / "a.prom").read_text()
    for name in ("ai_metrics.json", "a.prom"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o644
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    assert KEY not in "".join(path.read_text() for path in (tmp_path / "state").iterdir())


async def test_a_service_that_is_down_is_asked_three_times_and_then_left_alone(
    tmp_path: Path, service: Service
) -> None:
    clock = Clock()
    async with TestServer(service.application()) as server:
        url = str(server.make_url("")).rstrip("/")
    statuses = []
    for _ in range(4):
        await collector(url, tmp_path, clock).run()
        statuses.append(shown(tmp_path)["services"]["aidb"]["status"])
        clock.now += 10
    assert statuses == ["offline", "offline", "offline", "skipped"]


async def test_a_service_that_cannot_serve_is_quoted(service: Service, url: str, tmp_path: Path) -> None:
    service.status = 503
    await collector(url, tmp_path, Clock()).run()
    assert shown(tmp_path)["services"]["aidb"]["health_check"] == {"status": "ok"}


async def test_a_redirect_is_not_followed(service: Service, url: str, tmp_path: Path) -> None:
    service.moved = True
    await collector(url, tmp_path, Clock()).run()
    assert shown(tmp_path)["services"]["aidb"]["status"] == "offline"


async def test_runs_at_the_same_time_are_one(service: Service, url: str, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "ai_stack.collector",
        "--service",
        f"aidb={url}",
        "--directory",
        str(tmp_path / "state"),
    ]
    processes = [await asyncio.create_subprocess_exec(*command) for _ in range(4)]
    assert await asyncio.gather(*(process.wait() for process in processes)) == [0] * 4
    assert service.asked.count("/health") == 1
