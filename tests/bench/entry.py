"""`scripts/bench`: one entry for all benchmarks.

Each is a module with `main(arguments) -> int`, imported only when it is asked for.
"""

# ruff: noqa: T201 - a command prints

import importlib
import sys
from collections.abc import Sequence

BENCHMARKS = {
    "aidb": "bench.aidb",
    "caching": "bench.caching",
    "end-to-end": "bench.end_to_end",
    "flame": "bench.flame",
    "growth": "bench.growth",
    "index": "bench.index",
    "observability": "bench.observability",
    "scaling": "bench.scaling",
    "startup": "bench.startup",
    "hybrid-coordinator": "bench.coordinator",
    "embeddings": "bench.embeddings",
    "nixos-docs": "bench.nixos_docs",
}

USAGE = f"""usage: scripts/bench NAME [OPTION…]; scripts/bench NAME --help

  NAME: {", ".join(BENCHMARKS)}
"""


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
