"""Kill processes of the stack at random under load: nothing acknowledged is lost, no answer is wrong, all return."""

# ruff: noqa: T201 - a command prints

import argparse
import asyncio
import json
import math
import random
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import aiohttp

from ai_stack.local.postgres import ConnectionParameters
from bench import command, index
from bench.results import SECONDS, Metric, Results
from soak.caller import Caller, Tally
from soak.killer import Killer, Recovery
from soak.ledger import Ledger
from soak.load import FACTS, Load
from soak.settlement import inconsistencies, lost, wait_for_vectors
from support.stack import RunningStack, running_stack
from support.waiting import eventually

#: Seconds until a request is given up, or a unit counts as lost. The supervisor itself pauses for up to 15.
PATIENCE: Final = 180.0
DOCUMENTS: Final = 60
WRITERS: Final = 3

KILLS = Metric("kills", "kills", "higher")
RECOVERY_P50 = Metric("recovery p50", "s", "lower")
RECOVERY_P99 = Metric("recovery p99", "s", "lower")
RECOVERY_MAX = Metric("longest recovery", "s", "lower")
ANSWERS = Metric("answers", "requests", "higher")
RETRIES = Metric("retries", "requests", "lower")
#: Tracing is off: nobody would read half an hour of spans.
_ENVIRONMENT: Final = {"OTEL_SDK_DISABLED": "true"}


def main(arguments: Sequence[str]) -> int:
    """Run it; 0 when all bars are met."""
    given = _parse(arguments)
    settings = {"kills": given.kills, "minutes": given.minutes, "seed": given.seed, "documents": DOCUMENTS}
    results = Results("kill-soak", settings=settings)
    with tempfile.TemporaryDirectory() as directory:
        corpus = Path(directory) / "corpus"
        corpus.mkdir()
        for word, fact in FACTS.items():
            (corpus / f"{word}.md").write_text(f"# About the {word}\n\n{fact}\n")
        state = given.state or Path(directory) / "state"
        with running_stack(state, corpus, _ENVIRONMENT) as stack:
            asyncio.run(_soak(stack, given, results))
    command.finish(results, "Random kills under load", (), given)
    return 0 if all(bar.met for bar in results.bars) else 1


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/soak kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="default 200")
    parser.add_argument("--minutes", type=float, default=30.0, help="default 30")
    parser.add_argument("--seed", type=int, default=1, help="of everything that is random (default 1)")
    parser.add_argument("--state", type=Path, metavar="DIR", help="keep the state and the logs there")
    parser.add_argument(
        "--output", type=Path, default=index.OUTPUT, help="directory of the report (default docs/benchmarks)"
    )
    parser.set_defaults(compare=None)
    return parser.parse_args(arguments)


async def _soak(stack: RunningStack, given: argparse.Namespace, results: Results) -> None:
    chance = random.Random(given.seed)
    tally, ledger, database = Tally(), Ledger(DOCUMENTS), aidb_database(stack.state)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        call = Caller(session, stack.services, stack.key, tally, PATIENCE)
        load = Load(call, ledger, random.Random(chance.random()))
        killer = Killer(stack, database, session, chance, PATIENCE)
        await load.prepare()
        done = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(load.run(done, WRITERS))
            progress = group.create_task(_report_progress(killer, tally))
            try:
                await killer.run(given.kills, given.minutes * 60)
            finally:
                done.set()
                progress.cancel()
        await eventually(killer.whole, PATIENCE)
        await wait_for_vectors(call, PATIENCE)
        missing = [*await lost(call, ledger, load.learned), *await asyncio.to_thread(_all_inconsistencies, database)]
    hold_against_bars(results, killer.recoveries, tally, missing)
    writes = sum(len(document.states) - 1 for document in ledger.documents)
    results.note(
        f"Writes of documents: {writes}; interactions with an outcome: {len(load.learned.outcomes)}; items of learned "
        f"context: {len(load.learned.items)}. All acknowledged ones were read back in the end."
    )


def hold_against_bars(results: Results, recoveries: Sequence[Recovery], tally: Tally, missing: Sequence[str]) -> None:
    """Compare with what was promised.

    Args:
        results: where the figures go.
        recoveries: one for each kill.
        tally: of the clients.
        missing: acknowledged writes that were not found, as sentences.
    """
    units: dict[str, list[float]] = defaultdict(list)
    for each in recoveries:
        if each.seconds is not None:
            units[each.unit].append(each.seconds)
            units["all"].append(each.seconds)
    for unit, seconds in sorted(units.items()):
        for sample in seconds:
            results.add("each recovery", unit, SECONDS, sample)
        results.add("recovery", unit, KILLS, len(seconds))
        results.add("recovery", unit, RECOVERY_P50, percentile(seconds, 0.50))
        results.add("recovery", unit, RECOVERY_P99, percentile(seconds, 0.99))
        results.add("recovery", unit, RECOVERY_MAX, max(seconds))
    for what, count in sorted(tally.answered.items()):
        results.add("answers", what, ANSWERS, count)
    for why, count in sorted(tally.retried.items()):
        results.add("requests that were sent again", why, RETRIES, count)
    for sentence in (*missing, *tally.wrong, *tally.given_up):
        results.note(f"Found: {sentence}.")
    results.bar("acknowledged writes that are lost", len(missing), at_most=0)
    results.bar("wrong answers", len(tally.wrong), at_most=0)
    results.bar("requests that were never answered", len(tally.given_up), at_most=0)
    results.bar("units that did not come back", sum(each.seconds is None for each in recoveries), at_most=0)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least so large a share of all does not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def aidb_database(state: Path) -> ConnectionParameters:
    """How aidb of the stack in `state` reaches its database."""
    settings = json.loads((state / "config" / "aidb.json").read_bytes())
    return ConnectionParameters(
        host=settings["postgres_host"],
        port=settings["postgres_port"],
        database=settings["postgres_database"],
        user=settings["postgres_user"],
        password=(state / "credentials" / "aidb" / "postgres_password").read_text(),
    )


def _all_inconsistencies(database: ConnectionParameters) -> list[str]:
    return list(inconsistencies(database))


async def _report_progress(killer: Killer, tally: Tally) -> None:
    while True:
        await asyncio.sleep(30)
        print(
            f"{len(killer.recoveries)} kills, {tally.answered.total()} answers, {tally.retried.total()} retries, "
            f"{len(tally.wrong)} wrong",
            file=sys.stderr,
            flush=True,
        )
