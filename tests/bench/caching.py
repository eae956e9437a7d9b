"""What a kept vector costs the embeddings service beside one that is computed."""

import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import aiohttp

from ai_stack.local.blueprint import model_directory
from bench import command
from bench.load import measure
from bench.results import P50, REQUESTS_PER_CPU_SECOND, Results
from bench.servers import ours, running
from bench.workloads import Workload

COMPUTED = "computed"
KEPT = "kept"
LEAST = 50.0
CACHE_BYTES = 32 * 2**20


@dataclass(frozen=True, slots=True)
class Again(Workload):
    """The first requests of a workload, over and over."""

    distinct: int = 8

    def requests(self, seed: int) -> Iterator[list[str]]:
        """See `Workload.requests`."""
        # `super()` needs the class that slots=True has replaced.
        return cycle(islice(Workload.requests(self, seed), self.distinct))


NEW = Workload("1 client, 64 short texts", 1, 64, 5, 13)
SAME = Again(NEW.name, 1, 64, 5, 13)


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark."""
    given = command.parser("caching", __doc__, rounds=5, seconds=3.0).parse_args(arguments)
    results = Results("caching", reference=KEPT, settings={"rounds": given.rounds, "seconds": given.seconds})
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(_run(Path(directory), given.rounds, given.seconds, results))
    gain = results.median(NEW.name, KEPT, REQUESTS_PER_CPU_SECOND) / results.median(
        NEW.name, COMPUTED, REQUESTS_PER_CPU_SECOND
    )
    results.bar("processor time of a computed text over that of a kept one", gain, at_least=LEAST)
    results.note("One server with its cache on. A request of 64 texts, so that its own cost is spread over them.")
    return command.finish(results, "Kept and computed vectors", (), given)


async def _run(directory: Path, rounds: int, seconds: float, results: Results) -> None:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(120)) as session:
        server = ours(model_directory(), directory, None, cache_bytes=CACHE_BYTES)
        async with running(server, session, directory / "log") as target:
            for number in range(rounds):
                for request in islice(SAME.requests(number), SAME.distinct):
                    async with session.post(server.url, json=server.body(request), raise_for_status=True) as answer:
                        await answer.read()
                # Other texts than those: a seed that no round has.
                for name, workload, seed in ((COMPUTED, NEW, -1 - number), (KEPT, SAME, number)):
                    sample = await measure(target, workload, session, seconds=seconds, seed=seed)
                    results.add(NEW.name, name, REQUESTS_PER_CPU_SECOND, sample.requests_per_cpu_second)
                    results.add(NEW.name, name, P50, sample.p50_ms)
