"""`scripts/bench`: one entry for all benchmarks.

Each is a module with `main(arguments) -> int`, imported only when it is asked for.
"""

# ruff: noqa: T201 - a command prints

import importlib
import sys
from collections.abc import Sequence

BENCHMARKS = {
    "aidb": "bench.aidb",
    "hybrid-coordinator": "bench.coordinator",
    "embeddings": "bench.embeddings",
}

USAGE = f"""usage: scripts/bench NAME [OPTION…]; scripts/bench NAME --help

  NAME: {", ".join(BENCHMARKS)}
"""

    "nixos-docs": "bench.nixos_docs",

def main(arguments: Sequence[str]) -> int:
    """Run the benchmark that the first argument names."""
    if arguments[:1] in (["-h"], ["--help"]):
        print(USAGE, end="")
        return 0
    if not arguments or arguments[0] not in BENCHMARKS:
        print(USAGE, end="", file=sys.stderr)
        return 2
    run = importlib.import_module(BENCHMARKS[arguments[0]]).main
    status: int = run(arguments[1:])
    return status
