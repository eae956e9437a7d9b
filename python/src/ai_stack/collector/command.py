"""The command line."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ai_stack.collector.asking import Stack
from ai_stack.collector.collecting import Collector
from ai_stack.local.errors import LocalError
from ai_stack.local.record import read_record


def main(arguments: Sequence[str] | None = None) -> int:
    """Collect once.

    Returns:
        0 also when services are down: that is a figure. 1 when nothing could be collected.
    """
    given = _parser().parse_args(arguments)
    try:
        stack = _stack(given)
        state = given.directory or (given.state or _default_state()) / "collector"
        output = given.output or state / "ai_metrics.json"
        asyncio.run(Collector(stack, state, output, given.textfile).run())
        if given.verbose:
            sys.stdout.write(output.read_text())
    except (LocalError, OSError, UnicodeError) as error:
        sys.stderr.write(f"collect-ai-metrics: {error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="collect-ai-metrics",
        description="Collect the figures of a stack into a JSON document, and on request into a Prometheus text file.",
        epilog="A run within 10 s of the last one changes nothing.",
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--state", type=Path, metavar="DIR", help="embedded stack (default: ~/.local/share/ai-stack)")
    where.add_argument("--service", action="append", metavar="NAME=URL", help="a service; may be given more than once")
    parser.add_argument("--key-file", type=Path, help="API key for exact counts; without it --service has none")
    parser.add_argument("--directory", type=Path, metavar="DIR", help="what is kept between runs")
    parser.add_argument("--output", type=Path, metavar="FILE", help="JSON (default: ai_metrics.json in that directory)")
    parser.add_argument("--textfile", type=Path, metavar="FILE", help="for node exporter's textfile collector")
    parser.add_argument("--verbose", action="store_true", help="print the document")
    return parser


def _stack(given: argparse.Namespace) -> Stack:
    key_file: Path | None = given.key_file
    if given.service:
        services = dict(_pair(each) for each in given.service)
    else:
        state = given.state or _default_state()
        record = read_record(state)
        if record is None:
            raise LocalError(f"no stack is running in {state}: start one with `ai-stack up`")
        services, key_file = record.services, key_file or record.api_key_file
    return Stack(services, key_file.read_text().strip() if key_file else None)


def _pair(text: str) -> tuple[str, str]:
    name, _, url = text.partition("=")
    if not name or not url.startswith(("http://", "https://")):
        raise LocalError(f"{text!r} is not NAME=URL")
    return name, url.rstrip("/")


def _default_state() -> Path:
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "ai-stack"
