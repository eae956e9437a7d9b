"""Measure hybrid-coordinator: what it adds to the services that it asks, and whether it keeps its deadline.

Overhead needs a running stack with documents (`ai-stack up --corpus DIR`), named by its state directory. The deadline
is measured with stand-ins for the other services, each of which fails in every way in turn.
"""

# ruff: noqa: T201 - a command prints

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import aiohttp

from ai_stack.local.record import read_record
from bench import command
from bench.coordinator_faults import DEADLINE, SLACK_MS, WrongAnswer, measure_deadline
from bench.results import P50, Results, rotated

TITLE = "Benchmark of hybrid-coordinator"
OVERHEAD = "one question after another"
COORDINATOR, EMBEDDING, AIDB, DOCS = "/augment_query", "one embedding", "aidb alone", "nixos-docs alone"
LARGEST_OVERHEAD = 1.5
QUESTIONS = (
    "How do I open a port in the firewall?",
    "How can I roll back to an earlier generation?",
    "What does nix flake update do to the lock file?",
    "How do I pin nixpkgs to one commit?",
    "Why does a derivation fail in the sandbox?",
    "How are secrets kept out of the store?",
    "How do I add a user with an SSH key?",
    "What is an overlay for?",
    "How do I write a module with options of my own?",
    "How do I collect garbage older than a month?",
)


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark; 0 when every question was answered, and no worse than `--compare`."""
    parser = command.parser("hybrid-coordinator", __doc__, rounds=10)
    parser.add_argument("--stack", type=Path, metavar="DIR", help="state directory of a running stack")
    given = parser.parse_args(arguments)
    results = Results("hybrid-coordinator", settings={"rounds": given.rounds, "deadline": f"{DEADLINE:g} s"})
    with tempfile.TemporaryDirectory() as directory:
        try:
            asyncio.run(_measure(results, given, Path(directory)))
        except (FailedRequest, WrongAnswer) as error:
            print(error, file=sys.stderr)
            return 1
    return command.finish(results, TITLE, (P50,), given)


class FailedRequest(Exception):
    """A service did not do what it was asked to, so its time means nothing."""


async def _measure(results: Results, given: argparse.Namespace, directory: Path) -> None:
    if given.stack is None:
        results.note("Overhead was not measured: no running stack was named (`--stack`).")
    else:
        await measure_overhead(results, given.stack, given.rounds)
    slowest = await measure_deadline(results, directory)
    results.bar("beyond the deadline, whatever fails, ms", slowest - DEADLINE * 1000, at_most=SLACK_MS)


async def measure_overhead(results: Results, state: Path, rounds: int) -> None:
    """Compare the time of an answer with that of the parts that it cannot do without.

    Every text is new to every service. The parts are asked alone, so what they lose to each other on a machine with few
    cores counts against the coordinator.

    Raises:
        FailedRequest
    """
    record = read_record(state)
    if record is None:
        raise FailedRequest(f"no stack is running in {state}")
    headers = {"X-API-Key": record.api_key_file.read_text().strip()}
    async with aiohttp.ClientSession(headers=headers) as session:
        (vector,) = await _ask(session, record.services["embeddings"] + "/embed", {"inputs": [QUESTIONS[0]]})
        targets: dict[str, tuple[str, Callable[[str], Any]]] = {
            COORDINATOR: (record.services["hybrid-coordinator"] + "/augment_query", lambda text: {"query": text}),
            EMBEDDING: (record.services["embeddings"] + "/embed", lambda text: {"inputs": [text]}),
            AIDB: (
                record.services["aidb"] + "/search",
                lambda text: {"query": text, "limit": 10, "mode": "hybrid", "embedding": vector},
            ),
            DOCS: (record.services["nixos-docs"] + "/search", lambda text: {"query": text, "limit": 10}),
        }
        # What is built at the first request of a kind is no part of the others.
        for url, body in targets.values():
            await _ask(session, url, body("How do I begin?"))
        for number in range(rounds):
            for question in QUESTIONS:
                for index, name in enumerate(rotated(list(targets), number)):
                    url, body = targets[name]
                    begun = time.perf_counter()
                    answer = await _ask(session, url, body(f"{question} ({number}-{index}-{begun:.6f})"))
                    results.add(OVERHEAD, name, P50, (time.perf_counter() - begun) * 1000)
                    _check(name, answer)
    parts = results.median(OVERHEAD, EMBEDDING, P50) + max(results.median(OVERHEAD, n, P50) for n in (AIDB, DOCS))
    ratio = results.median(OVERHEAD, COORDINATOR, P50) / parts
    results.bar("/augment_query over one embedding and the slowest dependency", ratio, at_most=LARGEST_OVERHEAD)


def _check(name: str, answer: Any) -> None:
    if name == COORDINATOR and answer["degraded"]:
        raise FailedRequest(f"an answer without {', '.join(answer['degraded_services'])}")


async def _ask(session: aiohttp.ClientSession, url: str, body: Any) -> Any:
    while True:
        async with session.post(url, json=body) as response:
            if response.status == 429:
                await asyncio.sleep(float(response.headers["Retry-After"]))
                continue
            if response.status != 200:
                raise FailedRequest(f"{url} answered {response.status}")
            return await response.json()
