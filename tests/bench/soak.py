"""Mixed load on the embeddings service for a long time: no undocumented answer, memory flat, queue empty in the end."""

# ruff: noqa: T201 - a command prints

import asyncio
import random
import statistics
import sys
import tempfile
import time
from argparse import Namespace
from collections import Counter
from pathlib import Path
from typing import Any, Final

import aiohttp

from bench import command
from bench.processes import resident_bytes
from bench.results import RESIDENT, Metric, Results
from bench.servers import OURS, Running, ours, running
from bench.workloads import words

CLIENTS: Final = 12
SAMPLE_SECONDS: Final = 2.0
#: What docs/reference/api.md names for `/embed`.
DOCUMENTED: Final = frozenset((200, 400, 408, 413, 415, 422, 429, 503, 504))
_PATIENCE = (0.001, 0.05)

ANSWERS = Metric("answers", "requests", "higher")
_WORKLOAD = "mixed load"

# Kind of a request and how often it comes.
_KINDS: Final = {"short": 55, "again": 10, "long": 10, "batch": 10, "cancelled": 8, "bad": 7}


def main(model: Path, given: Namespace) -> int:
    """Run for `given.soak` minutes; 0 when all bars are met."""
    results = Results("embeddings-soak", reference=OURS, settings={"minutes": given.soak, "clients": CLIENTS})
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(_soak(model, Path(directory), given.soak * 60, given.workers, results))
    command.finish(results, "Soak of embeddings", (), given)
    return 0 if all(bar.met for bar in results.bars) else 1


async def _soak(model: Path, directory: Path, seconds: float, workers: int | None, results: Results) -> None:
    server = ours(model, directory, workers, cache_bytes=4 * 2**20)
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
        running(server, session, directory / "log") as target,
    ):
        end = time.monotonic() + seconds
        answers: Counter[str] = Counter()
        memory: list[float] = []
        clients = [_client(number, target, session, end, answers) for number in range(CLIENTS)]
        await asyncio.gather(_watch(target, end, memory), *clients)
        waiting = await _queue_tokens(target, session)
    for kind, count in sorted(answers.items()):
        results.add(_WORKLOAD, kind, ANSWERS, count)
    hold_against_bars(results, answers, memory, waiting)


def hold_against_bars(results: Results, answers: Counter[str], memory: list[float], waiting: float) -> None:
    """Compare with what was promised.

    Args:
        results: where the bars go.
        answers: how often a kind of request got a status, as "kind status".
        memory: resident MiB, at even distances over the whole time.
        waiting: tokens in the queue at the end.
    """
    wrong = {what: count for what, count in answers.items() if not _documented(what)}
    for what, count in wrong.items():
        results.note(f"Not documented: {what}, {count} times.")
    third = max(1, len(memory) // 3)
    first, last = statistics.mean(memory[:third]), statistics.mean(memory[-third:])
    results.add(_WORKLOAD, "first third", RESIDENT, first)
    results.add(_WORKLOAD, "last third", RESIDENT, last)
    results.bar("answers that are not documented", sum(wrong.values()), at_most=0)
    results.bar("memory of the last third over that of the first", last / first, at_most=1.03)
    results.bar("tokens in the queue at the end", waiting, at_most=0)


def _documented(what: str) -> bool:
    kind, _, status = what.rpartition(" ")
    if status == "left":
        return kind == "cancelled"
    refused = kind == "bad"
    return status.isdigit() and int(status) in DOCUMENTED and (int(status) != 200) >= refused


async def _client(
    number: int, target: Running, session: aiohttp.ClientSession, end: float, answers: Counter[str]
) -> None:
    chance = random.Random(number)
    while time.monotonic() < end:
        (kind,) = chance.choices(list(_KINDS), list(_KINDS.values()))
        timeout = aiohttp.ClientTimeout(total=chance.uniform(*_PATIENCE) if kind == "cancelled" else 120)
        try:
            async with session.post(target.server.url, json=_body(kind, chance), timeout=timeout) as response:
                await response.read()
                answers[f"{kind} {response.status}"] += 1
        except TimeoutError:
            answers[f"{kind} left"] += 1
        except aiohttp.ClientError as error:
            answers[f"{kind} {type(error).__name__}"] += 1


def _body(kind: str, chance: random.Random) -> Any:
    match kind:
        case "again":
            return {"inputs": words(random.Random(chance.randrange(50)), 12)}
        case "long":
            return {"inputs": words(chance, chance.randint(100, 300))}
        case "batch" | "cancelled":
            return {"inputs": [words(chance, chance.randint(3, 100)) for _ in range(chance.randint(2, 64))]}
        case "bad":
            return chance.choice(
                [
                    {},
                    [],
                    {"inputs": ""},
                    {"inputs": []},
                    {"inputs": [1]},
                    {"inputs": "a\0b"},
                    {"inputs": ["x"] * 65},
                    {"inputs": words(chance, 300), "truncate": False},
                ]
            )
        case _:
            return {"inputs": words(chance, chance.randint(3, 20))}


async def _watch(target: Running, end: float, memory: list[float]) -> None:
    while time.monotonic() < end:
        await asyncio.sleep(SAMPLE_SECONDS)
        memory.append(resident_bytes(target.pid) / 2**20)
    print(f"{memory[-1]:.0f} MiB", file=sys.stderr)


async def _queue_tokens(target: Running, session: aiohttp.ClientSession) -> float:
    """Tokens that wait, after those whose clients have left had time to go."""
    for _ in range(60):
        async with session.get(target.server.url.replace("/embed", "/metrics")) as response:
            lines = (await response.text()).splitlines()
        waiting = next(float(line.split()[1]) for line in lines if line.startswith("embeddings_queue_tokens "))
        if waiting == 0:
            break
        await asyncio.sleep(0.5)
    return waiting
