"""What the command lines of all benchmarks share."""

# ruff: noqa: T201 - a command prints

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from bench import index
from bench.compare import changes
from bench.page import markdown, number
from bench.plots import write_plots
from bench.results import Metric, Results


def parser(name: str, description: str | None, *, rounds: int, seconds: float | None = None) -> argparse.ArgumentParser:
    """Return a parser with the options that every benchmark has."""
    made = argparse.ArgumentParser(prog=f"scripts/bench {name}", description=description)
    made.add_argument("--rounds", type=int, default=rounds, help=f"interleaved rounds (default {rounds})")
    if seconds is not None:
        made.add_argument("--seconds", type=float, default=seconds, help=f"of each measurement (default {seconds:g})")
    made.add_argument(
        "--output", type=Path, default=index.OUTPUT, help="directory of the report (default docs/benchmarks)"
    )
    made.add_argument("--compare", type=Path, metavar="OLD.json", help="fail when something is worse than in this run")
    return made


def corpus_option(parser_: argparse.ArgumentParser) -> None:
    """Let the user name the documents that are stored."""
    docs = index.OUTPUT.parent
    parser_.add_argument("--corpus", type=Path, default=docs, metavar="DIR", help="documents to store (default docs)")


def finish(results: Results, title: str, plotted: Sequence[Metric], given: argparse.Namespace) -> int:
    """Write the report (JSON, Markdown, SVG), print it, and compare when asked to.

    Returns:
        0; 1 when something is worse than in the run that `--compare` names. A bar that is not met is reported, not
        an error: another machine may have other figures.
    """
    # Read first: the old run may be the very file that is about to be written.
    old = Results.read(given.compare) if given.compare else None
    given.output.mkdir(parents=True, exist_ok=True)
    plots = write_plots(results, plotted, given.output)
    page = markdown(results, title, plots)
    (given.output / f"{results.benchmark}.md").write_text(page)
    facts = json.dumps(results.document(), indent=1, ensure_ascii=False)
    (given.output / f"{results.benchmark}.json").write_text(facts + "\n")
    index.write(given.output)
    print(page)
    return report_changes(old, results) if old else 0


def report_changes(old: Results, new: Results) -> int:
    """Print what has changed; 1 when something became worse."""
    found = changes(old, new)
    for change in sorted(found, key=lambda each: -each.worse):
        word = "WORSE" if change.regression else "ok"
        print(f"{word:5} {change.worse:5.2f}x  {change.name}: {number(change.then)} -> {number(change.now)}")
    if not found:
        print("nothing can be compared: other workloads, or absolute figures of another machine", file=sys.stderr)
    return 1 if any(change.regression for change in found) else 0
