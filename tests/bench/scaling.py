"""Whether a second worker of the embeddings service makes use of a second core."""

import asyncio
import contextlib
import tempfile
from collections.abc import Sequence
from pathlib import Path

import aiohttp

from ai_stack.local.blueprint import model_directory
from bench import command
from bench.load import measure
from bench.results import P95, REQUESTS_PER_CPU_SECOND, REQUESTS_PER_SECOND, Results, rotated
from bench.servers import ours, running
from bench.workloads import MIXED

ONE = "1 worker"
TWO = "2 workers"
LEAST = 1.6


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark."""
    given = command.parser("scaling", __doc__, rounds=7, seconds=6.0).parse_args(arguments)
    settings = {"rounds": given.rounds, "seconds": given.seconds}
    results = Results("scaling", reference=TWO, settings=settings)
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(_run(Path(directory), given.rounds, given.seconds, results))
    gain = results.median(MIXED.name, TWO, REQUESTS_PER_SECOND) / results.median(MIXED.name, ONE, REQUESTS_PER_SECOND)
    results.bar("requests per second of two workers over one", gain, at_least=LEAST)
    results.note("The client needs a core, too, and so does everything else on the machine: see the load average.")
    return command.finish(results, "Growth with cores", (REQUESTS_PER_SECOND,), given)


async def _run(directory: Path, rounds: int, seconds: float, results: Results) -> None:
    async with contextlib.AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(120)))
        up = {}
        for name, workers in ((ONE, 1), (TWO, 2)):
            (directory / name).mkdir()
            server = ours(model_directory(), directory / name, workers)
            up[name] = await stack.enter_async_context(running(server, session, directory / f"{workers}.log"))
        for number in range(rounds):
            for name in rotated(list(up), number):
                sample = await measure(up[name], MIXED, session, seconds=seconds, seed=number)
                results.add(MIXED.name, name, REQUESTS_PER_SECOND, sample.requests_per_second)
                results.add(MIXED.name, name, REQUESTS_PER_CPU_SECOND, sample.requests_per_cpu_second)
                results.add(MIXED.name, name, P95, sample.p95_ms)
