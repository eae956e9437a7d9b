"""What the status page tells, and whom."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web

from ai_stack.status_page.app import create_app
from ai_stack.status_page.settings import GatewaySettings, Link, StatusPageSettings, WatchedService
from support.http import Api, Keys, api, running
from support.waiting import eventually

from .conftest import create_app as create_toy


def free_port() -> int:
    with closing(socket.socket()) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@asynccontextmanager
async def status_of(keys: Keys, services: dict[str, str], **more: Any) -> AsyncIterator[Api]:
    watched = tuple(WatchedService(name=name, url=url) for name, url in services.items())
    settings = StatusPageSettings(port=0, api_keys_file=keys.path, services=watched, sample_interval=0.05, **more)
    async with running(create_app(settings)) as base, api(base, keys.admin) as client:
        yield client


async def test_a_service_is_shown_with_what_it_did_lately(keys: Keys, toy: str) -> None:
    async with status_of(keys, {"toy": toy}) as status, api(toy, keys.read) as caller:

        async def worked() -> bool:
            await caller("GET", "/work")
            (shown,) = (await status("GET", "/status.json")).json["services"]
            return bool(shown["requests"])

        await eventually(worked)
        answer = await status("GET", "/status.json")
    assert answer.headers["Cache-Control"] == "no-store"
    report = answer.json
    (shown,) = report["services"]
    assert report["healthy"] is True
    assert (shown["name"], shown["state"], shown["serves"]) == ("toy", "healthy", True)
    assert shown["breakers"] == {"store": "closed"}
    assert shown["failures"] == 0
    assert 0 < shown["p50_ms"] <= shown["p95_ms"]
    assert shown["memory_bytes"] > 1_000_000
    assert report["certificate"] is None
    assert report["backups"] is None


async def test_a_service_that_is_away_is_named_and_the_rest_is_shown(keys: Keys, toy: str) -> None:
    async with status_of(keys, {"toy": toy, "gone": f"http://127.0.0.1:{free_port()}"}) as status:
        answer = await status("GET", "/status.json")
    assert answer.status == 200
    assert answer.json["healthy"] is False
    there, gone = answer.json["services"]
    assert there["serves"] is True
    assert (gone["state"], gone["serves"], gone["problem"]) == ("unreachable", False, "no connection")


@pytest.mark.parametrize("kind", ["hangs", "garbage", "list", "huge"])
async def test_a_service_that_answers_nonsense_does_not_take_the_page_down(keys: Keys, toy: str, kind: str) -> None:
    released = asyncio.Event()

    async def strange(request: web.Request) -> web.StreamResponse:
        match kind:
            case "hangs":
                await released.wait()
                return web.Response()
            case "garbage":
                return web.Response(body=b"\xff\xfe not json")
            case "list":
                return web.json_response([1, 2])
            case _:
                return web.Response(body=b" " * (9 * 1024 * 1024))

    app = web.Application()
    app.router.add_get("/{path:.*}", strange)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        async with status_of(
            keys, {"toy": toy, "strange": f"http://127.0.0.1:{port}"}, probe_timeout=5.0 if kind == "huge" else 0.5
        ) as status:
            answer = await status("GET", "/status.json")
            released.set()
    finally:
        released.set()
        await runner.cleanup()
    assert answer.status == 200
    there, strange_one = answer.json["services"]
    assert there["serves"] is True
    assert (strange_one["state"], strange_one["serves"]) == ("unreachable", False)
    assert strange_one["problem"]


async def test_failures_of_all_services_are_listed_newest_first(keys: Keys, toy: str) -> None:
    async with (
        running(create_toy(keys.path, "other")) as other,
        status_of(keys, {"toy": toy, "other": other}) as status,
    ):
        async with api(toy, keys.read) as caller:
            first = await caller("GET", "/fail", headers={"X-Request-ID": "first-request"})
        async with api(other, keys.read) as caller:
            second = await caller("GET", "/fail")
        errors = (await status("GET", "/status.json")).json["errors"]
    assert [(e["service"], e["error_id"]) for e in errors] == [
        ("other", second.json["error_id"]),
        ("toy", first.json["error_id"]),
    ]
    assert errors[1]["request_id"] == "first-request"
    assert errors[1]["error"] == "the <b>store</b> is away"


async def test_the_page_is_for_everybody_and_what_it_shows_for_administrators(keys: Keys, toy: str) -> None:
    async with status_of(keys, {"toy": toy}) as status:
        page = await status.with_key(None)("GET", "/")
        assert page.status == 200
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert b"toy" not in page.body
        for path in ("/status.json", "/services/toy/openapi.json"):
            assert (await status.with_key(None)("GET", path)).status == 401
            assert (await status.with_key("ais_wrong")("GET", path)).status == 401
            assert (await status.with_key(keys.write)("GET", path)).status == 403


async def test_interfaces_are_fetched_with_the_readers_key(keys: Keys, toy: str) -> None:
    async with status_of(keys, {"toy": toy, "gone": f"http://127.0.0.1:{free_port()}"}) as status:
        found = await status("GET", "/services/toy/openapi.json")
        assert found.json["info"]["title"]
        assert "/work" in found.json["paths"]
        assert (await status("GET", "/services/nothing/openapi.json")).status == 404
        assert (await status("GET", "/services/gone/openapi.json")).status == 503


async def test_backups_and_links_are_shown(keys: Keys, toy: str, tmp_path: Path) -> None:
    metrics = tmp_path / "backup.prom"
    metrics.write_text("# TYPE ai_stack_backup_status gauge\nai_stack_backup_status 0\n")
    links = (Link(title="Grafana", href="/grafana/"),)
    async with status_of(keys, {"toy": toy}, backup_metrics=metrics, links=links) as status:
        report = (await status("GET", "/status.json")).json
        assert report["backups"] == [{"kind": "ai_stack", "succeeded": False, "last_success": None, "size_bytes": None}]
        assert report["healthy"] is False
        assert report["links"] == [{"title": "Grafana", "href": "/grafana/"}]
        metrics.write_text("damaged\n")
        assert (await status("GET", "/status.json")).json["backups"] is None


@pytest.fixture
async def tls(tmp_path: Path) -> AsyncIterator[tuple[int, Path]]:
    """A server with a certificate for ai.example.org that ends in ten days: its port, and what to trust."""
    authority = trustme.CA()
    certificate = authority.issue_cert("ai.example.org", not_after=datetime.now(UTC) + timedelta(days=10))
    trusted = tmp_path / "ca.crt"
    authority.cert_pem.write_to_path(str(trusted))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)

    writers = []

    async def keep(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)

    server = await asyncio.start_server(keep, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1], trusted
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)
        await server.wait_closed()


async def test_the_certificate_is_the_one_that_clients_see(keys: Keys, tls: tuple[int, Path]) -> None:
    port, authority = tls
    gateway = GatewaySettings(port=port, server_name="ai.example.org", authority=authority)
    async with status_of(keys, {}, gateway=gateway) as status:
        report = (await status("GET", "/status.json")).json
    shown = report["certificate"]
    assert (shown["trusted"], shown["problem"]) == (True, None)
    assert 9 < shown["days_left"] <= 10
    assert report["healthy"] is False  # it ends soon


@pytest.mark.parametrize(
    ("name", "trusts", "problem"),
    [
        ("other.example.org", True, "Hostname mismatch"),
        ("ai.example.org", False, "unable to get local issuer certificate"),
    ],
)
async def test_a_certificate_that_clients_refuse_is_not_trusted(
    keys: Keys, tls: tuple[int, Path], name: str, trusts: bool, problem: str
) -> None:
    port, authority = tls
    gateway = GatewaySettings(port=port, server_name=name, authority=authority if trusts else None)
    async with status_of(keys, {}, gateway=gateway) as status:
        shown = (await status("GET", "/status.json")).json["certificate"]
    assert shown["trusted"] is False
    assert problem in shown["problem"]


async def test_a_gateway_that_is_away_is_a_problem_of_the_certificate(keys: Keys, tmp_path: Path) -> None:
    missing = GatewaySettings(port=free_port(), server_name="x", authority=tmp_path / "none.crt")
    for gateway in (GatewaySettings(port=free_port(), server_name="x"), missing):
        async with status_of(keys, {}, gateway=gateway) as status:
            shown = (await status("GET", "/status.json")).json["certificate"]
        assert shown["trusted"] is False
        assert shown["problem"]
