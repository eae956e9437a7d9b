"""`scripts/soak`: one entry for all long runs.

Each is a module with `main(arguments) -> int`, imported only when it is asked for.
"""

# ruff: noqa: T201 - a command prints

import importlib
import sys
from collections.abc import Sequence

SOAKS = {"kills": "soak.kills"}

USAGE = f"""usage: scripts/soak NAME [OPTION…]; scripts/soak NAME --help

  NAME: {", ".join(SOAKS)}
"""


def main(arguments: Sequence[str]) -> int:
    """Run the soak that the first argument names."""
    if arguments[:1] in (["-h"], ["--help"]):
        print(USAGE, end="")
        return 0
    if not arguments or arguments[0] not in SOAKS:
        print(USAGE, end="", file=sys.stderr)
        return 2
    run = importlib.import_module(SOAKS[arguments[0]]).main
    status: int = run(arguments[1:])
    return status
