"""A service as a process: exit statuses, notification, signals."""

import asyncio
import json
import os
import signal
import socket
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ai_stack.service.runner import serving
from ai_stack.service.settings import SettingsError
from support.http import Keys
from support.waiting import PATIENCE

from .toy import create_app, toy_settings

_PROGRAM = "import toy; from ai_stack.service.runner import run; run(toy.ToySettings, toy.create_app)"


_PROGRAM_WITHOUT_STORE = """
import toy
from ai_stack.service.runner import run
from ai_stack.service.settings import SettingsError

async def store(app):
    raise SettingsError("the store holds something else")
    yield

def create_app(settings):
    app = toy.create_app(settings)
    app.cleanup_ctx.append(store)
    return app

run(toy.ToySettings, create_app)
"""


@asynccontextmanager
async def process(
    *arguments: str, environ: dict[str, str] | None = None, program: str = _PROGRAM
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the toy as a process of its own; kill it in the end, whatever happened."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        program,
        *arguments,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parent), **(environ or {})},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
            await child.communicate()


def write_config(directory: Path, **content: Any) -> str:
    path = directory / "config.json"
    path.write_text(json.dumps(content))
    return str(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"colour": "red"}, "colour: unknown key"),
        ({"port": "many"}, "port: Input should be a valid integer"),
        ({}, "api_keys_file: missing"),
        ({"api_keys_file": "/nonexistent"}, "API key file /nonexistent: No such file or directory"),
        ({"auth": "disabled", "host": "0.0.0.0"}, "refused on an address that is not loopback"),
    ],
)
async def test_a_bad_configuration_exits_with_78_and_one_line(
    tmp_path: Path, content: dict[str, Any], said: str
) -> None:
    async with process("--config", write_config(tmp_path, **content)) as child:
        out, err = await asyncio.wait_for(child.communicate(), 30)
    assert child.returncode == os.EX_CONFIG
    assert out == b""
    assert err.count(b"\n") == 1
    assert said in err.decode()


async def test_check_exits_without_serving(tmp_path: Path, keys: Keys) -> None:
    async with process("--check", "--config", write_config(tmp_path, api_keys_file=str(keys.path))) as child:
        await asyncio.wait_for(child.communicate(), 30)
    assert child.returncode == 0


async def test_disabled_auth_is_said_in_the_log_at_each_start(tmp_path: Path) -> None:
    async with process("--config", write_config(tmp_path, auth="disabled")) as child, asyncio.timeout(PATIENCE):
        assert child.stderr is not None
        line = json.loads(await child.stderr.readline())
    assert (line["event"], line["level"]) == ("auth.disabled", "warning")


async def test_a_port_that_is_taken_is_one_line_and_worth_a_restart(tmp_path: Path, keys: Keys) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        config = write_config(tmp_path, api_keys_file=str(keys.path), port=port)
        async with process("--config", config) as child:
            _, err = await asyncio.wait_for(child.communicate(), 30)
    assert child.returncode == 1
    [line] = [json.loads(line) for line in err.splitlines()]
    assert line["event"] == "service.cannot_listen"
    assert line["reason"] == f"127.0.0.1 port {port}: Address already in use"


async def test_a_bad_sample_rate_is_a_configuration_error_too(tmp_path: Path, keys: Keys) -> None:
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SAMPLE_RATE": "often"}
    config = write_config(tmp_path, api_keys_file=str(keys.path))
    async with process("--config", config, environ=environ) as child:
        _, err = await asyncio.wait_for(child.communicate(), 30)
    assert child.returncode == os.EX_CONFIG
    assert b"OTEL_SAMPLE_RATE must be a number from 0 to 1" in err


async def test_a_store_that_cannot_be_used_exits_with_78_and_the_reason_in_the_log(tmp_path: Path, keys: Keys) -> None:
    config = write_config(tmp_path, api_keys_file=str(keys.path))
    async with process("--config", config, program=_PROGRAM_WITHOUT_STORE) as child:
        _, err = await asyncio.wait_for(child.communicate(), 30)
    assert child.returncode == os.EX_CONFIG
    line = json.loads(err.splitlines()[-1])
    assert (line["event"], line["reason"]) == ("service.cannot_start", "the store holds something else")
    assert b"Traceback" not in err


async def test_a_socket_of_a_killed_process_is_replaced(tmp_path: Path, keys: Keys) -> None:
    path = tmp_path / "http.sock"
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(path))
    async with running_on(path, keys):
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as session:
            assert await _status(session, "http://toy/items", keys.read) == 200


async def test_a_socket_that_is_served_or_a_file_is_left_alone(tmp_path: Path, keys: Keys) -> None:
    path, file = tmp_path / "http.sock", tmp_path / "notes.txt"
    file.write_text("of value")
    async with running_on(path, keys):
        with pytest.raises(SettingsError, match="another process serves"):
            await running_on(path, keys).__aenter__()
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as session:
            assert await _status(session, "http://toy/items", keys.read) == 200
    with pytest.raises(SettingsError, match="not a socket"):
        await running_on(file, keys).__aenter__()
    assert file.read_text() == "of value"


def running_on(path: Path, keys: Keys) -> AbstractAsyncContextManager[object]:
    """The toy on a Unix socket, in this process."""
    return serving(create_app(toy_settings(keys.path, unix_socket=path)))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_drains_and_exits_with_0(tmp_path: Path, keys: Keys, number: signal.Signals) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.setblocking(False)
        loop = asyncio.get_running_loop()
        socket_path = tmp_path / "http.sock"
        config = write_config(tmp_path, api_keys_file=str(keys.path), unix_socket=str(socket_path))
        environ = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"}
        async with process("--config", config, environ=environ) as child, asyncio.timeout(PATIENCE):
            heard: list[bytes] = []
            while b"READY=1" not in heard or b"WATCHDOG=1" not in heard:
                heard.append(await loop.sock_recv(manager, 1000))
            async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(socket_path))) as session:
                async with session.get("http://toy/health/ready") as answer:
                    assert answer.status == 200
                waiting = asyncio.create_task(_status(session, "http://toy/items", keys.read))
                assert await waiting == 200
            child.send_signal(number)
            _, err = await child.communicate()
            while b"STOPPING=1" not in heard:
                heard.append(await loop.sock_recv(manager, 1000))
    assert child.returncode == 0
    lines = [json.loads(line) for line in err.splitlines()]
    assert [line["event"] for line in lines if line["logger"].startswith("ai_stack.service.runner")] == [
        "service.listening",
        "service.ready",
        "service.draining",
        "service.stopped",
    ]
    [access] = [line for line in lines if line["event"] == "http.request"]
    assert (access["path"], access["status"], access["principal"]) == ("/items", 200, "read")
    assert access["request_id"]
    assert len(access["trace_id"]) == 32
    assert keys.read not in err.decode()


async def _status(session: aiohttp.ClientSession, url: str, key: str) -> int:
    async with session.get(url, headers={"X-API-Key": key}) as answer:
        return answer.status
