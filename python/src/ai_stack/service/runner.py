"""The process around a service: command line, logging, event loop, listening, notification, drain.

Exit status: 0 after a drain, 78 (`EX_CONFIG`, sysexits(3)) when the configuration cannot be used.
"""

import argparse
import asyncio
import errno
import os
import signal
import socket
import stat
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NoReturn, TypeVar

import orjson
import uvloop
from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

from ai_stack.service import logs, tracing
from ai_stack.service.app import Service
from ai_stack.service.connection import Connection
from ai_stack.service.context import SERVICE
from ai_stack.service.middleware import PRINCIPAL, REQUEST_ID
from ai_stack.service.notify import Notifier
from ai_stack.service.settings import ServiceSettings, SettingsError, load_settings

EX_CONFIG = os.EX_CONFIG
#: The kernel's own limit (`net.core.somaxconn`) cuts this where it is lower.
LISTEN_BACKLOG = 1024
#: Seconds that the rest of a refused body is still read, so that the client sees the answer and not a reset.
LINGERING_TIME = 1.0
#: Seconds in which a service that ends accepts what waits for it, and again in which it reads the requests.
ACCEPT_GRACE = 0.05

S = TypeVar("S", bound=ServiceSettings)
AppFactory = Callable[[S], web.Application]

log = logs.get_logger(__name__)


class ListenError(Exception):
    """The address cannot be listened on."""


def run(settings_cls: type[S], create_app: AppFactory[S], argv: Sequence[str] | None = None) -> NoReturn:
    """Run a service until SIGTERM or SIGINT, then exit. This is the `main` of every service.

    Options: `--config FILE` for the JSON settings, `--check` to validate them and exit.
    """
    parser = argparse.ArgumentParser(description=(settings_cls.__doc__ or "").splitlines()[0])
    parser.add_argument("--config", type=Path, metavar="FILE", help="JSON file with the settings")
    parser.add_argument("--check", action="store_true", help="check the configuration and exit")
    arguments = parser.parse_args(argv)
    try:
        settings = load_settings(settings_cls, config=arguments.config)
        app = create_app(settings)
        service = app[SERVICE]
        if arguments.check:
            sys.exit(0)
        logs.configure(service.name, service.version, level=settings.log_level)
        traces = tracing.configure(
            service.name, service.version, sample_rate=settings.tracing.sample_rate, environ=os.environ
        )
    except SettingsError as error:
        print(f"{parser.prog}: configuration error: {error}", file=sys.stderr)  # noqa: T201 - there may be no log yet
        sys.exit(EX_CONFIG)
    try:
        uvloop.run(serve(app, notifier=Notifier()))
    except SettingsError as error:
        # A resource found at its start what no check of the settings alone can find.
        log.critical("service.cannot_start", reason=str(error))
        sys.exit(EX_CONFIG)
    except ListenError as error:
        # Not a fault of the configuration: whoever has the address may leave it, so a restart is worth it.
        log.critical("service.cannot_listen", reason=str(error))
        sys.exit(1)
    finally:
        traces.shutdown()
    sys.exit(0)


async def serve(app: web.Application, *, notifier: Notifier, stop: asyncio.Event | None = None) -> None:
    """Serve an application until `stop` is set (by default by SIGTERM and SIGINT), then drain it.

    Connections are accepted when the resources are up; READY=1 follows when the service says that it can serve
    (`Health.mark_ready`), which may be later.
    """
    service = app[SERVICE]
    loop = asyncio.get_running_loop()
    if stop is None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
    notifier.status("starting")
    async with serving(app):
        background = [
            asyncio.create_task(_announce_readiness(service, notifier)),
            asyncio.create_task(_keep_watchdog(notifier)),
        ]
        await stop.wait()
        notifier.stopping()
        log.info("service.draining", timeout_seconds=service.settings.shutdown_timeout)
        for task in background:
            task.cancel()
    log.info("service.stopped")


@asynccontextmanager
async def serving(app: web.Application) -> AsyncIterator[asyncio.Server]:
    """Accept connections for an application; on leaving, stop to accept and let running requests finish."""
    service = app[SERVICE]
    settings = service.settings
    runner = web.AppRunner(
        app, access_log_class=AccessLogger, shutdown_timeout=settings.shutdown_timeout, handler_cancellation=True
    )
    if service.keys is None:
        log.warning("auth.disabled", consequence="every local process may call this service")
    try:
        await runner.setup()
        listener = await _listen(runner, service)
        try:
            yield listener
        finally:
            service.health.drain()
            # The kernel has accepted connections that we have not; closing the socket now would reset them.
            await asyncio.sleep(ACCEPT_GRACE)
            listener.close()
            # What these have sent is to be read before connections without a request are closed.
            await asyncio.sleep(ACCEPT_GRACE)
    finally:
        # After a start that failed half-way, too: what had started is to stop.
        await runner.cleanup()


async def _listen(runner: web.AppRunner, service: Service) -> asyncio.Server:
    """Start to accept connections on the Unix socket or the TCP address of the settings."""
    settings = service.settings
    server = runner.server
    if server is None:
        raise RuntimeError("the runner is not set up")
    loop = asyncio.get_running_loop()

    def accept() -> asyncio.BaseProtocol:
        if len(server.connections) >= settings.max_connections:
            return _Refusal()
        return Connection(
            server,
            observe=service.metrics.observe_malformed,
            loop=loop,
            access_log_class=AccessLogger,
            keepalive_timeout=settings.idle_timeout,
            lingering_time=LINGERING_TIME,
        )

    if settings.unix_socket is not None:
        await asyncio.to_thread(_remove_stale_socket, settings.unix_socket)
        listener = await loop.create_unix_server(accept, str(settings.unix_socket), backlog=LISTEN_BACKLOG)
        # nginx connects as another user of the same group; the directory decides who reaches it.
        settings.unix_socket.chmod(0o660)
        log.info("service.listening", unix_socket=str(settings.unix_socket))
    else:
        try:
            listener = await loop.create_server(
                accept, settings.host, settings.port, backlog=LISTEN_BACKLOG, reuse_address=True
            )
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise ListenError(f"{settings.host} port {settings.port}: {reason}") from None
        for sock in listener.sockets:
            log.info("service.listening", address=sock.getsockname()[0], port=sock.getsockname()[1])
    return listener


def _remove_stale_socket(path: Path) -> None:
    """Remove the socket that a killed process left behind. Blocks.

    Raises:
        SettingsError: it is none, or somebody serves it.
    """
    try:
        is_socket = stat.S_ISSOCK(path.lstat().st_mode)
    except OSError:
        return  # to listen there will say what is wrong, if anything
    if not is_socket:
        raise SettingsError(f"unix_socket: {path} exists and is not a socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)  # whether somebody listens is known at once
        if probe.connect_ex(str(path)) != errno.ECONNREFUSED:
            raise SettingsError(f"unix_socket: another process serves {path}")
    path.unlink()


class _Refusal(asyncio.Protocol):
    """Answers a connection beyond the limit at once, so that those inside it are not disturbed."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        body = orjson.dumps({"error": "too many connections", "error_id": uuid.uuid4().hex[:12]})
        head = (
            "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 1\r\n"
            f"X-Request-ID: {uuid.uuid4().hex}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        transport.write(head.encode() + body)
        transport.close()


async def _announce_readiness(service: Service, notifier: Notifier) -> None:
    await service.health.wait_started()
    notifier.ready()
    notifier.status("serving")
    log.info("service.ready")


async def _keep_watchdog(notifier: Notifier) -> None:
    """Tell the service manager that the event loop turns. A blocked loop stays silent and is restarted."""
    interval = notifier.watchdog_interval
    while interval is not None:
        notifier.watchdog()
        await asyncio.sleep(interval)


class AccessLogger(AbstractAccessLogger):
    """One structured line a request. The query string is left out: it may hold what a user typed."""

    _QUIET = ("/health", "/metrics")
    _log = logs.get_logger("aiohttp.access")

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        """Write the line (called by aiohttp). `time` is in seconds."""
        principal = request.get(PRINCIPAL)
        write = self._log.debug if request.path.startswith(self._QUIET) else self._log.info
        write(
            "http.request",
            method=request.method,
            path=request.path,
            status=response.status,
            duration_ms=round(time * 1000, 3),
            bytes=response.body_length,
            remote=request.remote,
            principal=principal.name if principal else None,
            request_id=request.get(REQUEST_ID),
        )
