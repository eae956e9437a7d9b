"""The templates of the flake: each evaluates as it is handed out, and the service of one is run."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from nix.evaluate import REPOSITORY, Unit, instantiate
from support.http import make_keys
from support.waiting import PATIENCE

TEMPLATES = REPOSITORY / "templates"
NAMES = sorted(path.parent.name for path in TEMPLATES.glob("*/flake.nix"))


def evaluate(template: str, what: str) -> Any:
    """Return what an expression over a template's flake gives; its inputs are this repository and `<nixpkgs>`."""
    text = instantiate(
        f"""
        let
          nixpkgs = (import <nixpkgs/flake.nix>).outputs {{ self = nixpkgs; }} // {{ outPath = toString <nixpkgs>; }};
          ai-stack = (import ./flake.nix).outputs {{ self = ai-stack; inherit nixpkgs; }};
          flake = (import ./templates/{template}/flake.nix).outputs {{ self = flake; inherit nixpkgs ai-stack; }};
          inherit (flake.nixosConfigurations.machine) config;
        in {what}
        """,
        *("--eval", "--strict", "--json"),
    )
    return json.loads(text)


def unit(template: str, name: str) -> Unit:
    return Unit.parse(evaluate(template, f'config.systemd.units."{name}".text'))


def test_the_flake_offers_every_template_and_describes_it() -> None:
    offered = json.loads(instantiate("import ./templates", "--eval", "--strict", "--json"))
    assert sorted(offered) == NAMES
    for name, template in offered.items():
        assert template["description"]
        assert "nix registry add ai-stack" in template["welcomeText"], name


@pytest.mark.parametrize("name", NAMES)
def test_a_template_is_a_machine_without_a_failing_assertion_or_a_warning(name: str) -> None:
    problems = evaluate(
        name,
        "{ failed = map (a: a.message) (builtins.filter (a: !a.assertion) config.assertions);"
        " inherit (config) warnings; system = config.system.build.toplevel.drvPath; }",
    )
    assert problems["failed"] == []
    assert problems["warnings"] == []
    assert problems["system"].endswith(".drv")


@pytest.mark.parametrize("name", NAMES)
def test_a_template_takes_this_project_from_the_registry_and_shares_one_nixpkgs(name: str) -> None:
    inputs = json.loads(instantiate(f"(import ./templates/{name}/flake.nix).inputs", "--eval", "--strict", "--json"))
    assert inputs["ai-stack"]["url"] == "flake:ai-stack"
    assert inputs["ai-stack"]["inputs"]["nixpkgs"]["follows"] == "nixpkgs"


def test_the_whole_stack_takes_at_most_ten_lines() -> None:
    lines = (TEMPLATES / "default" / "configuration.nix").read_text().splitlines()
    begin = lines.index("  services.ai-stack = {")
    assert lines.index("  };", begin) - begin + 1 <= 10


def test_a_service_of_ones_own_takes_at_most_five_lines() -> None:
    lines = [line.strip() for line in (TEMPLATES / "own-service" / "flake.nix").read_text().splitlines()]
    begin = lines.index("services.translator = {")
    assert lines.index("};", begin) - begin + 1 <= 5


def test_the_own_service_becomes_a_unit_and_a_route() -> None:
    text = unit("own-service", "ai-stack-translator.service")
    assert text.value("Type") == "notify"
    program, flag, config = text.values("ExecStart")
    assert program.strip('"').endswith("/bin/translator")
    assert (flag.strip('"'), Path(config.strip('"')).name.endswith("ai-stack-translator.json")) == ("--config", True)
    routes = evaluate("own-service", "builtins.attrNames config.services.nginx.virtualHosts.ai-stack.locations")
    assert "/translator/" in routes


def test_the_own_service_is_packaged_for_both_systems_on_the_library_of_this_project() -> None:
    packages = evaluate(
        "own-service",
        "builtins.mapAttrs (_: p: map (d: d.pname) p.default.dependencies) flake.packages",
    )
    assert packages == {"x86_64-linux": ["ai-stack"], "aarch64-linux": ["ai-stack"]}


def test_any_http_server_runs_as_its_command_says_in_the_same_sandbox() -> None:
    other = unit("any-http", "ai-stack-site.service")
    assert other.value("Type") == "exec"
    assert '"--port=8200"' in other.values("ExecStart")
    assert other.values("ExecStart")[0].strip('"').endswith("/bin/static-web-server")
    own = unit("own-service", "ai-stack-translator.service")
    same = ("ProtectSystem", "PrivateDevices", "NoNewPrivileges", "UMask", "Slice")
    assert [other.value(key) for key in same] == [own.value(key) for key in same]


def test_the_own_service_has_at_most_thirty_lines() -> None:
    text = (TEMPLATES / "own-service" / "translator.py").read_text()
    assert len([line for line in text.splitlines() if line.strip()]) <= 30


def test_the_tests_of_the_own_service_pass(tmp_path: Path) -> None:
    copy = shutil.copytree(TEMPLATES / "own-service", tmp_path / "translator")
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", f"--rootdir={copy}", "-c", str(copy / "pyproject.toml"), "tests"],
        cwd=copy,
        env={"PATH": os.environ["PATH"], "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


@asynccontextmanager
async def translator(directory: Path, **settings: Any) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    """Run the service as a process on a free port; yield the process and the port that its log names."""
    config = directory / "config.json"
    config.write_text(json.dumps({"port": 0, **settings}))
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        str(TEMPLATES / "own-service" / "translator.py"),
        "--config",
        str(config),
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert child.stderr is not None
        line: dict[str, Any] = {}
        while line.get("event") != "service.listening":
            line = json.loads(await child.stderr.readline())
        yield child, line["port"]
    finally:
        if child.returncode is None:
            child.kill()
        await child.communicate()


async def test_the_own_service_wants_a_key_answers_and_drains(tmp_path: Path) -> None:
    keys = make_keys(tmp_path)
    async with (
        asyncio.timeout(PATIENCE),
        translator(tmp_path, api_keys_file=str(keys.path)) as (child, port),
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
    ):
        phrase = {"text": "Guten Tag"}
        async with session.post("/translate", json=phrase) as refused:
            assert refused.status == 401
        async with session.post("/translate", json=phrase, headers={"X-API-Key": keys.read}) as answer:
            assert (answer.status, await answer.json()) == (200, {"text": "good day"})
        async with session.get("/metrics") as metrics:
            assert "translator_requests_total" in await metrics.text()
        child.terminate()
        assert await child.wait() == 0
