"""Scores units with `systemd-analyze security` (systemd-analyze(1)), without a running manager."""

import re
import subprocess
from pathlib import Path

from nix.evaluate import require


def exposure(directory: Path, name: str, text: str) -> float:
    """Return the exposure level of a unit, 0 (best) to 10.

    Args:
        directory: where the unit is written for the program to read.
        name: its file name; a template is scored as an instance.
        text: its content.
    """
    program = require("systemd-analyze", "systemd")
    file = directory / name.replace("@.", "@1.")
    file.write_text(text)
    result = subprocess.run(
        [program, "security", "--offline=true", "--no-pager", str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found = re.search(r"Overall exposure level for .*: ([0-9.]+) ", result.stdout)
    assert found, result.stdout + result.stderr
    return float(found[1])
