"""The load test of the original, on the whole embedded stack and on the original's design."""

# ruff: noqa: T201 - a command prints

import asyncio
import json
import socket
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp

from ai_stack.local.blueprint import model_directory
from bench import command
from bench.processes import cpu_seconds
from bench.results import CPU_MS, FAILURES, P50, P95, P99, REQUESTS_PER_SECOND, Metric, Results, rotated
from bench.servers import PEERS, Server, running
from bench.stack import ROOT, running_stack

OURS = "ai-stack, all services"
FLASK = "original's design, vectors only"
ALL = "all requests"
MOST_COST = 0.4
USERS = 100
#: p95 in ms that the original published for 100 users, all with one constant payload.
PUBLISHED = {
    "hybrid-coordinator POST /augment_query": 27,
    "embeddings POST /embed": 210,
    "aidb POST /vector/embed": 29,
    "aidb POST /vector/search": 45,
}
BYTES = Metric("answer", "bytes", "higher")


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark."""
    parser = command.parser("end-to-end", __doc__, rounds=3, seconds=60.0)
    parser.add_argument("--peers-python", type=Path, help="Python of an environment with flask, sentence_transformers")
    parser.add_argument("--users", type=int, default=USERS, help=f"default {USERS}")
    command.corpus_option(parser)
    given = parser.parse_args(arguments)
    settings = {"rounds": given.rounds, "seconds": given.seconds, "users": given.users, "repeats": 0}
    results = Results("end-to-end", reference=OURS, settings=settings)
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(_run(Path(directory), given, results))
    failed = results.find(ALL, OURS, FAILURES)
    results.bar(f"failed requests of {given.users} users", sum(failed.samples) if failed else 0, at_most=0)
    if results.find(ALL, FLASK, CPU_MS):
        ratio = results.median(ALL, OURS, CPU_MS) / results.median(ALL, FLASK, CPU_MS)
        results.bar("CPU per request over that of the original's design", ratio, at_most=MOST_COST)
    published = "; ".join(f"{name} {value} ms" for name, value in PUBLISHED.items())
    results.note(
        "The mix, the pauses and the 100 users are those of the original's load test; payloads are not: each is new, "
        f"where the original sent one constant text. Its published p95, on another machine: {published}."
    )
    results.note(
        f"`{FLASK}` is one process of Flask and sentence-transformers with a window of 25 ms. It computes the vectors "
        "that each route needs, and leaves out databases, searches and prompts, so it costs less than the original."
    )
    return command.finish(results, "The whole stack under load", (CPU_MS, P95), given)


async def _run(directory: Path, given: Any, results: Results) -> None:
    keys = directory / "key"
    keys.write_text("none\n")
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        ours = await stack.enter_async_context(running_stack(directory / "state", given.corpus))
        subjects = {OURS: (ours.pid, ["--state", str(ours.state)])}
        if given.peers_python is not None:
            server = _flask(given.peers_python)
            flask = await stack.enter_async_context(running(server, session, directory / "flask.log"))
            url = f"http://127.0.0.1:{server.port}"
            services = [f"--service={name}={url}" for name in ("embeddings", "aidb", "hybrid-coordinator")]
            subjects[FLASK] = (flask.pid, [*services, "--key-file", str(keys)])
        for number in range(given.rounds):
            for subject in rotated(list(subjects), number):
                pid, target = subjects[subject]
                await _measure(subject, pid, target, number, directory / "load", given, results)


def _flask(python: Path) -> Server:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    script = str(PEERS / "flask_stack.py")
    return Server(FLASK, (str(python), script, str(model_directory()), str(port)), port)


async def _measure(
    subject: str, pid: int, target: list[str], number: int, output: Path, given: Any, results: Results
) -> None:
    options = [
        "--mix",
        "original",
        "--repeats",
        "0",
        "--seed",
        str(number + 1),
        "--output",
        str(output),
        "--corpus",
        str(given.corpus),
    ]
    load = ["--users", str(given.users), "--duration", str(given.seconds), "--spawn-rate", str(given.users / 5)]
    before = cpu_seconds(pid)
    process = await asyncio.create_subprocess_exec(str(ROOT / "scripts" / "load-test"), *target, *options, *load)
    if await process.wait() not in (0, 1):
        raise RuntimeError("the load test could not be run")
    cpu = cpu_seconds(pid) - before
    facts = json.loads((output / "load-test.json").read_text())
    for each in facts["requests"]:
        for metric, key in ((P50, "p50_ms"), (P95, "p95_ms"), (P99, "p99_ms"), (BYTES, "mean_bytes")):
            results.add(each["name"], subject, metric, each[key])
    failed = sum(each["failures"] for each in facts["requests"])
    answered = sum(each["requests"] for each in facts["requests"]) - failed
    results.add(ALL, subject, CPU_MS, cpu / max(answered, 1) * 1000)
    results.add(ALL, subject, REQUESTS_PER_SECOND, answered / given.seconds)
    results.add(ALL, subject, FAILURES, failed)
    print(f"{number + 1} {subject}: {cpu / max(answered, 1) * 1000:.1f} ms CPU a request", file=sys.stderr)
