"""The command line."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from load import target
from load.scenarios import MIXES
from load.target import Target, TargetError

ROOT = Path(__file__).resolve().parents[2]
THRESHOLDS = Path(__file__).with_name("thresholds.json")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    made = argparse.ArgumentParser(
        prog="load-test",
        description="Put a stack under the load of many users, and fail when a threshold is not kept.",
        epilog="Exit status: 0 all thresholds kept, 1 one was not, 2 the run could not begin.",
    )
    where = made.add_mutually_exclusive_group(required=True)
    where.add_argument("--state", type=Path, metavar="DIR", help="the embedded stack that runs in this state directory")
    where.add_argument("--gateway", metavar="URL", help="a deployment, for example https://ai.example.org:8443")
    where.add_argument(
        "--service", action="append", metavar="NAME=URL", help="one service; may be given more than once"
    )
    made.add_argument(
        "--key-file", type=Path, metavar="FILE", help="API keys, one per line; users take turns with them"
    )
    made.add_argument("--ca-file", type=Path, metavar="FILE", help="certificate authority of the gateway")
    made.add_argument("--allow-remote", action="store_true", help="put another machine under load")
    made.add_argument("--users", type=_positive, default=100, help="default 100")
    made.add_argument("--spawn-rate", type=float, default=10.0, help="users that begin per second (default 10)")
    made.add_argument("--duration", type=float, default=60.0, help="seconds, from the first user on (default 60)")
    made.add_argument("--mix", choices=sorted(MIXES), default="full", help="what users do (default full)")
    made.add_argument("--pause", type=_pause, default=(1.0, 3.0), metavar="A-B", help="seconds between requests (1-3)")
    made.add_argument("--repeats", type=_share, default=0.2, help="share of payloads sent before (default 0.2)")
    made.add_argument("--corpus", type=Path, default=ROOT / "docs", metavar="DIR", help="documents to make payloads of")
    made.add_argument("--seed", type=int, default=1, help="of the choice of payloads (default 1)")
    made.add_argument("--thresholds", type=Path, default=THRESHOLDS, metavar="FILE", help="JSON; see docs/load-test.md")
    made.add_argument("--output", type=Path, default=Path("load-test"), metavar="DIR", help="of the reports")
    return made


def chosen_target(given: argparse.Namespace) -> Target:
    """Return what the options name.

    Raises:
        TargetError: it cannot be used.
    """
    if given.state is not None:
        found = target.from_state(given.state)
        if given.key_file is not None:
            found = Target(found.urls, target.read_keys(given.key_file))
    elif given.key_file is None:
        raise TargetError("name the file of the API keys with --key-file")
    else:
        urls = target.from_gateway(given.gateway) if given.gateway else target.from_pairs(given.service)
        found = Target(urls, target.read_keys(given.key_file), given.ca_file)
    target.check(found, remote_allowed=given.allow_remote)
    return found


def settings(given: argparse.Namespace) -> dict[str, object]:
    """Return how the test is run, for the report; nothing of it is secret."""
    names: Sequence[str] = ("users", "spawn_rate", "duration", "mix", "pause", "repeats", "seed")
    return {name: getattr(given, name) for name in names}


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError("must be between 0 and 1")
    return value


def _pause(text: str) -> tuple[float, float]:
    shortest, _, longest = text.partition("-")
    value = float(shortest), float(longest or shortest)
    if not 0 <= value[0] <= value[1]:
        raise argparse.ArgumentTypeError("must be two numbers of seconds, the smaller first")
    return value
