"""The flake: checked as a whole, for every system, without building anything."""

import re
import resource
import subprocess

import pytest

from nix.evaluate import HERE, REPOSITORY, nixpkgs, require


def flake(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of `nix flake` on this repository, with the nixpkgs at hand in place of the locked one."""
    nix = require("nix", "nix-bin")
    return subprocess.run(
        [
            nix, "--extra-experimental-features", "nix-command flakes", "flake", *arguments,
            "--override-input", "nixpkgs", f"path:{nixpkgs()}", "--no-write-lock-file", "--offline",
        ],
        capture_output=True,
        text=True,
        timeout=1200,
        cwd=REPOSITORY,
        check=False,
    )  # fmt: skip


def test_every_output_evaluates_within_minutes_and_without_a_warning_of_ours() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = flake("check", "--no-build", "--all-systems")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # of computing, so that a busy machine does not fail the test
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert result.returncode == 0, result.stderr[-4000:]
    # This one comes from option trees of nixpkgs that are older than its library.
    warnings = [
        line
        for line in result.stderr.splitlines()
        if re.search(r"(evaluation|trace:) warning", line) and "mkAliasOptionModuleMD" not in line
    ]
    assert warnings == []
    # the machines of all stories included
    assert seconds < 600


def test_the_outputs_are_those_that_people_look_for() -> None:
    result = flake("show", "--json")
    assert result.returncode == 0, result.stderr[-4000:]
    for output in ("nixosModules", "packages", "overlays", "apps", "checks", "devShells", "formatter", "templates"):
        assert f'"{output}"' in result.stdout


def body(name: str) -> list[str]:
    """Return the lines of a configuration that are about the stack."""
    lines = (HERE / "configurations" / f"{name}.nix").read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.strip().startswith("services.ai-stack"))
    return lines[start:-1]


@pytest.mark.parametrize(("name", "most"), [("minimal", 10), ("own-service", 10)])
def test_a_configuration_is_a_few_lines(name: str, most: int) -> None:
    assert len(body(name)) <= most


def test_a_service_of_ones_own_is_five_lines() -> None:
    lines = body("own-service")
    start = next(i for i, line in enumerate(lines) if "services.translator = {" in line)
    end = next(i for i, line in enumerate(lines) if i > start and line.strip() == "};")
    assert end - start + 1 <= 5
