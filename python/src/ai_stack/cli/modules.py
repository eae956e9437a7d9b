"""Runs a module of this package as a process of its own: the command line imports no service."""

import os
import sys
from collections.abc import Mapping


def command_of(module: str, *arguments: str) -> list[str]:
    """Return the command line that runs a module with this interpreter."""
    # -P: the working directory is no place to import from.
    return [sys.executable, "-P", "-m", module, *arguments]


def environment(**more: str) -> Mapping[str, str]:
    """Return the environment of such a process: this one's, and where this one has its modules from.

    The bare interpreter may not know: programs of nixpkgs name their packages in the script that starts them.
    """
    return {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry), **more}
