"""A stack that is a fake server on a real socket, with its record and key in a state directory."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from ai_stack.local.record import ChildRecord, StackRecord, write_record
from support.fake_stack import FakeStack

SERVICES = ("aidb", "nixos-docs", "hybrid-coordinator")


@pytest.fixture
async def fake(tmp_path: Path) -> AsyncIterator[FakeStack]:
    """The fake, listening."""
    made = FakeStack(tmp_path)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    key = tmp_path / "api-key"
    key.write_text("the key\n")
    child = ChildRecord(state="ready", pid=1, restarts=0, last_exit=None)
    record = StackRecord(
        services=dict.fromkeys(SERVICES, f"http://{host}:{port}"),
        api_key_file=key,
        pids={"supervisor": 1},
        children=dict.fromkeys(SERVICES, child),
    )
    write_record(tmp_path, record)
    yield made
    await runner.cleanup()
