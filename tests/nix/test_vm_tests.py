"""The stories of nixos-tests/: found by their directories, and their scripts pass what the driver applies to them."""

import functools
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nix.evaluate import HERE, REPOSITORY, instantiate

STORIES = REPOSITORY / "nixos-tests"
NAMES = sorted(path.parent.name for path in STORIES.glob("*/default.nix"))
PRELUDE = STORIES / "lib" / "prelude.py"

# Names and scripts alone: test_flake.py evaluates the machines, with everything that is built of them.
SUMMARY = """
let
  pkgs = import <nixpkgs> { };
in
pkgs.lib.mapAttrs (_: story: {
  script = story.config.testScriptString;
  machines = builtins.attrNames story.config.nodes;
}) (import ./nixos-tests { inherit pkgs; })
"""


@functools.cache
def stories() -> dict[str, dict[str, Any]]:
    evaluated: dict[str, dict[str, Any]] = json.loads(instantiate(SUMMARY, "--eval", "--strict", "--json"))
    return evaluated


def script(story: str) -> str:
    return (STORIES / story / "script.py").read_text()


def machines(story: str) -> list[str]:
    """Names of the machines as the driver gives them to the script."""
    return [re.sub(r"\W", "_", name) for name in stories()[story]["machines"]]


def test_a_story_is_a_directory_and_nothing_else() -> None:
    entries = {path.name for path in STORIES.iterdir()} - {"lib", "default.nix", "__pycache__"}
    assert entries == set(NAMES) == set(stories())


@pytest.mark.parametrize("story", NAMES)
def test_a_script_begins_with_what_all_share(story: str) -> None:
    assert stories()[story]["script"] == f"{PRELUDE.read_text()}\n\n{script(story)}"


@pytest.mark.parametrize("story", NAMES)
def test_a_script_proves_something_and_says_what(story: str) -> None:
    assert len(re.findall(r'^with subtest\(f?"[a-z].+"\):$', script(story), re.MULTILINE)) >= 2


def test_scripts_pass_the_linter_of_the_driver(tmp_path: Path) -> None:
    for story in NAMES:
        known = [*machines(story), "machines", "start_all", "subtest"]
        (tmp_path / "ruff.toml").write_text(f"builtins = {json.dumps(known)}\nline-length = 120\n")
        (tmp_path / "script.py").write_text(f"{PRELUDE.read_text()}\n\n{script(story)}")
        result = subprocess.run(
            [str(Path(sys.executable).with_name("ruff")), "check", "--no-cache", "script.py"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, f"{story}: {result.stdout}"


def test_scripts_pass_a_type_check_against_the_methods_of_the_driver(tmp_path: Path) -> None:
    declarations = (HERE / "driver.pyi").read_text()
    files = []
    for story in NAMES:
        path = tmp_path / f"{story.replace('-', '_')}.py"
        names = "".join(f"{name}: Machine\n" for name in machines(story))
        path.write_text(f"{declarations}\n{names}\n{PRELUDE.read_text()}\n\n{script(story)}")
        files.append(str(path))
    result = subprocess.run(
        # Bodies of declarations are empty; otherwise strict.
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--disable-error-code=empty-body", *files],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout


def test_a_story_that_the_host_cannot_run_says_why() -> None:
    for path in STORIES.glob("*/host.json"):
        told = json.loads(path.read_text())
        assert set(told) <= {"unavailable", "substitutes"}, path
        assert all(isinstance(reason, str) and reason for reason in told.get("substitutes", [told.get("unavailable")]))
