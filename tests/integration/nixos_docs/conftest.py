"""The service over a few documents, on a real socket."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ai_stack.nixos_docs.app import create_app
from ai_stack.nixos_docs.settings import NixosDocsSettings
from support.http import Answer, Api, Keys, api, make_keys, running
from support.waiting import PATIENCE

RunDocs = Callable[..., AbstractAsyncContextManager[Api]]

FIREWALL = (
    "# Firewall {#sec-firewall}\n\nNixOS blocks incoming connections.\n\n"
    "## Opening ports {#sec-ports}\n\nSet `networking.firewall.allowedTCPPorts` to open a port.\n"
)
GARBAGE = ".. _sec-gc:\n\nCleaning the store\n------------------\n\nRun the garbage collector to free space.\n"


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return make_keys(tmp_path)


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """A directory with two sources."""
    root = tmp_path / "docs"
    (root / "nixos-modules").mkdir(parents=True)
    (root / "wiki").mkdir()
    (root / "nixos-modules" / "firewall.md").write_text(FIREWALL)
    (root / "wiki" / "garbage.rst").write_text(GARBAGE)
    return root


OPTIONS = {
    "networking.firewall.openPort": {
        "type": "list of 16 bit unsigned integer",
        "default": "[ ]",
        "example": {"_type": "literalExpression", "text": "[ 22 ]"},
        "description": "The port that is open.\n\nMore.",
        "declarations": ["nixos/modules/firewall.nix"],
    },
    "networking.hosts.<name>.names": {"type": "list of string", "description": "Names.", "declarations": ["/own.nix"]},
    "networking.hosts": {"type": "attribute set of (submodule)", "description": "Hosts."},
    "system.nixos.release": {"type": "string", "default": '"25.05"', "description": "The release."},
}
PACKAGES = {
    "hello": {
        "name": "hello-2.12",
        "meta": {"description": "Program that greets", "mainProgram": "hello", "license": {"spdxId": "GPL-3.0"}},
    }
}
MODULES = """{ lib, ... }: { imports = [
  (lib.mkRenamedOptionModule [ "networking" "ports" ] [ "networking" "firewall" "openPort" ])
  (lib.mkRemovedOptionModule [ "networking" "gone" ] "No use.")
]; }"""


@pytest.fixture
def options(tmp_path: Path) -> Path:
    path = tmp_path / "options.json"
    path.write_text(json.dumps(OPTIONS))
    return path


@pytest.fixture
def catalogue(options: Path, tmp_path: Path) -> dict[str, Any]:
    """Settings that give the service options, packages, and what was renamed."""
    packages, modules = tmp_path / "packages.json", tmp_path / "modules"
    packages.write_text(json.dumps(PACKAGES))
    modules.mkdir()
    (modules / "rename.nix").write_text(MODULES)
    return {"options": options, "packages": packages, "modules": (modules,)}


@pytest.fixture
def run_docs(keys: Keys, docs: Path, tmp_path: Path) -> RunDocs:
    """Run the service; yields a client with the key that may read, at once or when the service is ready."""

    @asynccontextmanager
    async def run(*, ready: bool = True, **changes: Any) -> AsyncIterator[Api]:
        values = {"port": 0, "api_keys_file": keys.path, "index": tmp_path / "index.sqlite", "docs": docs, **changes}
        app = create_app(NixosDocsSettings(**values))
        async with running(app) as base, api(base, keys.read) as client:
            if ready:
                await wait_for(client, 200)
            yield client

    return run


async def wait_for(client: Api, status: int) -> Answer:
    """Return the first readiness answer with this status."""
    async with asyncio.timeout(PATIENCE):
        while True:
            answer = await client("GET", "/health/ready")
            if answer.status == status:
                return answer
            await asyncio.sleep(0.01)
