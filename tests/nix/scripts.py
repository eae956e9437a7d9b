"""Runs the shell programs of the modules as the modules wrap them, on directories of the tests."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from nix.evaluate import MODULES, require


def run(
    name: str, *arguments: object, path: Path | None = None, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run modules/scripts/NAME with the shell options of `writeShellApplication`.

    Args:
        name: file name of the script.
        arguments: its arguments.
        path: a directory of programs that go before those of the machine.
        env: more of the environment.
    """
    bash = require("bash", "bash")
    search = f"{path}:/usr/sbin:/usr/bin:/sbin:/bin" if path else "/usr/sbin:/usr/bin:/sbin:/bin"
    return subprocess.run(
        [
            bash,
            "-o",
            "errexit",
            "-o",
            "nounset",
            "-o",
            "pipefail",
            str(MODULES / "scripts" / name),
            *map(str, arguments),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": search, **(env or {})},
        check=False,
    )


def fake_program(directory: Path, name: str, body: str) -> None:
    """Put a shell script of a given name into a directory."""
    program = directory / name
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
