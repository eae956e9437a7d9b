"""The gateway: the configuration that the modules render, run by a real nginx in front of a real server."""

import asyncio
import json
import os
import re
import socket
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from types import MappingProxyType

import pytest
from aiohttp import ClientSession, TCPConnector, WSMsgType, encode_basic_auth, web
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.typedefs import Handler
from yarl import URL

from nix.evaluate import Machine, require
from nix.scripts import run
from support.waiting import PATIENCE

#: Set when the client has the first event.
SEEN = web.AppKey("seen", asyncio.Event)

DOMAIN = "ai.example.org"

MACHINE = Machine(
    """{ pkgs, ... }: {
  services.nginx.enableReload = true;
  services.ai-stack = {
    enable = true;
    domain = "ai.example.org";
    gateway.rateLimits.interactive = { perSecond = 1; burst = 20; };
    services.echo = { package = pkgs.hello; port = 8100; route = "/echo/"; ingestPaths = [ "/documents" ]; };
    services.gone = { package = pkgs.hello; port = 8101; route = "/gone/"; };
    gateway.routes.traces = {
      prefix = "/traces/";
      target = "http://127.0.0.1:8104";
      authUrl = "http://127.0.0.1:8105/api/user";
    };
    services.pair = { package = pkgs.hello; port = 8102; instances = 2; route = "/pair/"; };
    services.sums = { package = pkgs.hello; port = 8106; instances = 2; route = "/sums/"; repeatable = true; };
  };
}""",
    framework=True,
)


def free_port() -> int:
    with closing(socket.socket()) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@dataclass(frozen=True)
class Gateway:
    """A running nginx."""

    directory: Path
    ports: dict[int, int]

    @property
    def https(self) -> str:
        return f"https://{DOMAIN}:{self.ports[8443]}"

    @property
    def http(self) -> str:
        return f"http://{DOMAIN}:{self.ports[8088]}"

    @asynccontextmanager
    async def client(self) -> AsyncIterator[ClientSession]:
        """A client that trusts the internal authority and finds the domain on this machine."""
        trust = ssl.create_default_context(cafile=str(self.directory / "ca.crt"))
        async with ClientSession(connector=TCPConnector(ssl=trust, resolver=Loopback())) as session:
            yield session

    async def logged(self, *, within: float = PATIENCE) -> dict[str, object]:
        """The one request's line; nginx writes it after the client has read the answer."""
        give_up = time.monotonic() + within
        while not (text := (self.directory / "access.log").read_text()).endswith("\n"):
            assert time.monotonic() < give_up, "nothing in the access log"
            await asyncio.sleep(0.02)
        (line,) = text.splitlines()
        entry: dict[str, object] = json.loads(line)
        return entry


class Loopback(AbstractResolver):
    """A resolver that knows one address."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host="127.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=0)]

    async def close(self) -> None:
        return None


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    nginx = require("nginx", "nginx-light")
    result = run("tls.sh", "ensure", tmp_path, DOMAIN)
    assert result.returncode == 0, result.stderr
    # Ports, certificate and log go where a test may have them; everything else stays as rendered.
    text = MACHINE.build('config.environment.etc."nginx/nginx.conf".source').read_text()
    ports = {
        port: free_port() for port in (8443, 8088, 8100, 8101, 8102, 8103, 8104, 8105, 8106, 8107, 18088, 18102, 18106)
    }
    text = re.sub(rf":({'|'.join(map(str, ports))})\b", lambda match: f":{ports[int(match[1])]}", text)
    for old, new in {
        "/run/credentials/nginx.service/ai-stack.crt": str(tmp_path / "server.crt"),
        "/run/credentials/nginx.service/ai-stack.key": str(tmp_path / "server.key"),
        "/var/lib/ai-stack/tls/ca.crt": str(tmp_path / "ca.crt"),
        "/run/nginx/nginx.pid": str(tmp_path / "nginx.pid"),
        "syslog:server=unix:/dev/log,nohostname,tag=ai_stack_gateway": str(tmp_path / "access.log"),
    }.items():
        assert old in text
        text = text.replace(old, new)
    lines = [
        line
        for line in text.splitlines()
        # files of the nginx package, and IPv6, which the machine of the test may not have
        if not (line.strip().startswith("include") and "ai-stack-" not in line) and "[::]" not in line
    ]
    folders = ""
    for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"):
        (tmp_path / name).mkdir()
        folders += f"{name}_temp_path {tmp_path / name};"
    user = "user root;\n" if os.geteuid() == 0 else ""
    config = tmp_path / "nginx.conf"
    config.write_text(user + "\n".join(lines).replace("http {", "http { " + folders, 1))
    with (tmp_path / "error.log").open("w") as errors:
        process = subprocess.Popen([nginx, "-c", str(config), "-p", str(tmp_path), "-e", "stderr"], stderr=errors)
    try:
        deadline = time.monotonic() + PATIENCE
        while not _listens(ports[8443]):
            assert process.poll() is None, (tmp_path / "error.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield Gateway(tmp_path, ports)
    finally:
        process.terminate()
        process.wait(10)


def _listens(port: int) -> bool:
    with closing(socket.socket()) as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


async def echo(request: web.Request) -> web.Response:
    return web.json_response(
        {
            "path": request.path,
            "query": request.query_string,
            "headers": {k.lower(): v for k, v in request.headers.items()},
        }
    )


async def events(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    await response.write(b"data: one\n\n")
    # The second event is only sent when the client says that it has the first.
    await request.app[SEEN].wait()
    await response.write(b"data: two\n\n")
    return response


async def talk(request: web.Request) -> web.WebSocketResponse:
    peer = web.WebSocketResponse()
    await peer.prepare(request)
    async for message in peer:
        await peer.send_str(f"echo {message.data}")
    return peer


@asynccontextmanager
async def server(port: int, routes: Mapping[str, Handler] = MappingProxyType({})) -> AsyncIterator[web.Application]:
    app = web.Application(client_max_size=10**7)
    app[SEEN] = asyncio.Event()
    for path, handler in routes.items():
        app.router.add_route("*", path, handler)
    app.router.add_get("/events", events)
    app.router.add_get("/talk", talk)
    app.router.add_route("*", "/{tail:.*}", echo)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield app
    finally:
        await runner.cleanup()


async def test_http_is_sent_to_https_on_the_right_port(gateway: Gateway) -> None:
    async with gateway.client() as client:
        answer = await client.get(f"{gateway.http}/echo/x?y=1", allow_redirects=False)
    assert answer.status == 301
    assert answer.headers["Location"] == f"{gateway.https}/echo/x?y=1"


async def test_the_prefix_is_taken_off_and_the_answer_hardened(gateway: Gateway) -> None:
    async with server(gateway.ports[8100]), gateway.client() as client:
        answer = await client.get(f"{gateway.https}/echo/a/b?c=d")
        body = await answer.json()
    assert (body["path"], body["query"]) == ("/a/b", "c=d")
    assert body["headers"]["x-forwarded-prefix"] == "/echo"
    assert body["headers"]["x-forwarded-proto"] == "https"
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "nginx/" not in answer.headers["Server"]


async def test_what_a_client_claims_about_itself_is_not_passed_on(gateway: Gateway) -> None:
    async with server(gateway.ports[8100]), gateway.client() as client:
        answer = await client.get(
            f"{gateway.https}/echo/", headers={"X-Forwarded-For": "1.2.3.4", "X-Real-IP": "1.2.3.4"}
        )
        headers = (await answer.json())["headers"]
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-real-ip"] == "127.0.0.1"


async def test_request_id_and_trace_context_go_through(gateway: Gateway) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with server(gateway.ports[8100]), gateway.client() as client:
        answer = await client.get(
            f"{gateway.https}/echo/", headers={"X-Request-ID": "my-request-1", "traceparent": trace}
        )
        headers = (await answer.json())["headers"]
    assert headers["x-request-id"] == "my-request-1"
    assert headers["traceparent"] == trace
    assert answer.headers.getall("X-Request-ID") == ["my-request-1"]
    line = await gateway.logged()
    assert (line["request_id"], line["traceparent"], line["status"]) == ("my-request-1", trace, 200)


@pytest.mark.parametrize("claimed", ["short", "with space in it", 'quote"quote"quote', "x" * 200])
async def test_a_strange_request_id_is_replaced(gateway: Gateway, claimed: str) -> None:
    async with server(gateway.ports[8100]), gateway.client() as client:
        answer = await client.get(f"{gateway.https}/echo/", headers={"X-Request-ID": claimed})
        headers = (await answer.json())["headers"]
    assert headers["x-request-id"] != claimed
    assert len(headers["x-request-id"]) == 32


@pytest.mark.parametrize("path", ["metrics", "/metrics", "%6detrics", "x/../metrics", "metrics/"])
async def test_measurements_are_not_for_clients(gateway: Gateway, path: str) -> None:
    async with server(gateway.ports[8100]), gateway.client() as client:
        answer = await client.get(URL(f"{gateway.https}/echo/{path}", encoded=True))
    assert answer.status == 404


async def test_an_unknown_path_gets_the_usual_envelope(gateway: Gateway) -> None:
    async with gateway.client() as client:
        answer = await client.get(f"{gateway.https}/nothing/here", headers={"X-Request-ID": "my-request-2"})
        assert await answer.json() == {"error": "not found", "error_id": "my-request-2"}
    assert answer.status == 404
    assert answer.headers["X-Frame-Options"] == "DENY"


async def test_a_service_that_is_down_is_excused_with_a_hint_when_to_come_back(gateway: Gateway) -> None:
    async with gateway.client() as client:
        answer = await client.get(f"{gateway.https}/gone/x")
        body = await answer.json()
    assert answer.status == 503
    assert answer.headers["Retry-After"] == "5"
    assert body["error"] == "service unavailable"


async def test_a_body_beyond_the_limit_is_refused(gateway: Gateway) -> None:
    async with server(gateway.ports[8100]), gateway.client() as client:
        small = await client.post(f"{gateway.https}/echo/x", data=b"x" * 1_000_000)
        # Sent when asked for only: nginx refuses by the head, and closes on who goes on sending.
        large = await client.post(f"{gateway.https}/echo/x", data=BytesIO(b"x" * 1_200_000), expect100=True)
        body = await large.json()
    assert small.status == 200
    assert large.status == 413
    assert body["error"] == "request body too large"


async def test_too_many_questions_are_refused_while_bulk_loading_goes_on(gateway: Gateway) -> None:
    async with server(gateway.ports[8100]), gateway.client() as client:
        # At once: one after the other, a slow machine would keep within the rate.
        asked = await asyncio.gather(*(client.get(f"{gateway.https}/echo/search") for _ in range(60)))
        loaded = [await client.post(f"{gateway.https}/echo/documents/batch", data=b"x") for _ in range(60)]
        last = await loaded[-1].json()
    assert sum(answer.status == 200 for answer in asked) >= 20
    refused = [answer for answer in asked if answer.status == 429]
    assert refused
    assert refused[0].headers["Retry-After"] == "1"
    assert {answer.status for answer in loaded} == {200}
    assert (last["path"], last["headers"]["x-forwarded-prefix"]) == ("/documents/batch", "/echo")


async def test_events_arrive_one_by_one(gateway: Gateway) -> None:
    async with server(gateway.ports[8100]) as app, gateway.client() as client, asyncio.timeout(PATIENCE):
        answer = await client.get(f"{gateway.https}/echo/events")
        assert (await answer.content.readuntil(b"\n\n")) == b"data: one\n\n"
        app[SEEN].set()
        assert (await answer.content.readuntil(b"\n\n")) == b"data: two\n\n"


async def test_websockets_go_through(gateway: Gateway) -> None:
    async with server(gateway.ports[8100]), gateway.client() as client:
        peer = await client.ws_connect(f"{gateway.https}/echo/talk")
        await peer.send_str("hello")
        message = await peer.receive(timeout=PATIENCE)
        await peer.close()
    assert (message.type, message.data) == (WSMsgType.TEXT, "echo hello")


async def doorkeeper(request: web.Request) -> web.Response:
    known = encode_basic_auth("admin", "right")
    return web.Response(status=200 if request.headers.get("Authorization") == known else 401)


async def test_what_has_no_log_in_of_its_own_is_behind_one(gateway: Gateway) -> None:
    async with (
        server(gateway.ports[8104]),
        server(gateway.ports[8105], {"/api/user": doorkeeper}),
        gateway.client() as client,
    ):
        url = f"{gateway.https}/traces/x"
        stranger = await client.get(url)
        liar = await client.get(url, headers={"Authorization": encode_basic_auth("admin", "wrong")})
        friend = await client.get(url, headers={"Authorization": encode_basic_auth("admin", "right")})
        body = await friend.json()
    assert (stranger.status, liar.status, friend.status) == (401, 401, 200)
    assert stranger.headers["WWW-Authenticate"] == f'Basic realm="{DOMAIN}"'
    assert body["path"] == "/traces/x"


async def test_the_log_in_is_closed_when_nobody_can_check_it(gateway: Gateway) -> None:
    async with server(gateway.ports[8104]), gateway.client() as client:
        answer = await client.get(f"{gateway.https}/traces/x")
    assert answer.status == 503


async def test_the_authority_is_published(gateway: Gateway) -> None:
    async with gateway.client() as client:
        answer = await client.get(f"{gateway.http}/.well-known/ai-stack-ca.crt")
        assert await answer.text() == (gateway.directory / "ca.crt").read_text()


async def test_old_tls_is_refused(gateway: Gateway) -> None:
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname = False
    old.verify_mode = ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection("127.0.0.1", gateway.ports[8443], ssl=old)


async def test_the_other_instance_answers_when_one_is_down(gateway: Gateway) -> None:
    async with server(gateway.ports[8103]), gateway.client() as client:
        for _ in range(6):
            answer = await client.post(f"http://127.0.0.1:{gateway.ports[18102]}/work", data=b"x")
            assert answer.status == 200


async def lost(request: web.Request) -> web.Response:
    """End as a service does that is killed in the middle of a request."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def loading(_: web.Request) -> web.Response:
    return web.json_response({"error": "the model is being loaded", "error_id": "1"}, status=503)


@pytest.mark.parametrize("failing", [lost, loading])
async def test_a_request_that_broke_off_is_repeated_where_that_is_allowed(gateway: Gateway, failing: Handler) -> None:
    async with (
        server(gateway.ports[8106], {"/work": failing}),
        server(gateway.ports[8107]),
        gateway.client() as client,
    ):
        for url in (f"http://127.0.0.1:{gateway.ports[18106]}/work", f"{gateway.https}/sums/work"):
            for _ in range(2):
                assert (await client.post(url, data=b"x")).status == 200


async def test_a_request_that_broke_off_is_not_repeated_unless_that_is_allowed(gateway: Gateway) -> None:
    asked: list[str] = []

    async def counted(request: web.Request) -> web.Response:
        asked.append(request.path)
        return await lost(request)

    async with (
        server(gateway.ports[8102], {"/work": counted}),
        server(gateway.ports[8103], {"/work": counted}),
        gateway.client() as client,
    ):
        answer = await client.post(f"http://127.0.0.1:{gateway.ports[18102]}/work", data=b"x")
        assert (answer.status, asked) == (502, ["/work"])


async def test_a_service_of_several_instances_has_a_route_as_well(gateway: Gateway) -> None:
    async with server(gateway.ports[8102]), gateway.client() as client:
        answer = await client.get(f"{gateway.https}/pair/work")
        assert (answer.status, (await answer.json())["path"]) == (200, "/work")
