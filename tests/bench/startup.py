"""How long the whole embedded stack takes to start again, and how much memory it takes when nobody asks."""

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench import command
from bench.processes import cpu_seconds, family, proportional_bytes
from bench.results import SECONDS, Metric, Results
from bench.stack import running_stack

WARM = "warm start"
IDLE = "idle"
STACK = "embedded stack"
CPU = Metric("CPU", "s", "lower")
MEMORY = Metric("memory, shared pages divided", "MiB", "lower")
PROCESSES = Metric("processes", "", "lower")
MOST_SECONDS = 7.0
MOST_MIB = 900.0


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark."""
    parser = command.parser("startup", __doc__, rounds=5)
    command.corpus_option(parser)
    given = parser.parse_args(arguments)
    results = Results("startup", settings={"rounds": given.rounds})
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(_measure(Path(directory) / "state", given.corpus, given.rounds, results))
    results.bar(
        "warm start until every service can serve, s", results.median(WARM, STACK, SECONDS), at_most=MOST_SECONDS
    )
    results.bar("memory of all processes, MiB", results.median(IDLE, STACK, MEMORY), at_most=MOST_MIB)
    results.note(
        "A warm start finds databases, documents and the model's graph of the start before. Memory is the sum of the "
        "proportional set sizes of all processes, databases included, after the documents were looked through."
    )
    return command.finish(results, "Start-up and memory", (), given)


async def _measure(state: Path, corpus: Path, rounds: int, results: Results) -> None:
    async with running_stack(state, corpus):
        pass
    for _ in range(rounds):
        async with running_stack(state, corpus) as stack:
            results.add(WARM, STACK, SECONDS, stack.ready_seconds)
            results.add(WARM, STACK, CPU, cpu_seconds(stack.pid))
            results.add(IDLE, STACK, MEMORY, proportional_bytes(stack.pid) / 2**20)
            results.add(IDLE, STACK, PROCESSES, len(family(stack.pid)))
