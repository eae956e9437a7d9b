"""What makes a run a failure, from a JSON file.

The file maps the name of a request, or `*` for each that is not named, to limits: `failures` (share of requests, 0 to
1), `p50_ms`, `p95_ms`, `p99_ms` (milliseconds) and `requests` (the least number of them).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LIMITS = frozenset({"failures", "p50_ms", "p95_ms", "p99_ms", "requests"})


class ThresholdError(Exception):
    """The file is not one of thresholds."""


@dataclass(frozen=True)
class Outcome:
    """What was measured of one kind of request; times in milliseconds."""

    name: str
    requests: int
    failures: int
    mean_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    requests_per_second: float
    mean_bytes: float
    """Of an answer: one that holds nothing is quickly given."""


Thresholds = Mapping[str, Mapping[str, float]]


def read(path: Path) -> Thresholds:
    """Return the thresholds of a file.

    Raises:
        ThresholdError: it cannot be read, or holds something else.
    """
    try:
        content: Any = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ThresholdError(f"cannot read the thresholds in {path}: {error}") from error
    if not isinstance(content, dict):
        raise ThresholdError(f"{path} must map names of requests to limits")
    for name, limits in content.items():
        if not isinstance(limits, dict) or not limits.keys() <= LIMITS:
            raise ThresholdError(f"{path}: {name!r} must have limits out of {', '.join(sorted(LIMITS))}")
        if not all(isinstance(limit, int | float) and not isinstance(limit, bool) for limit in limits.values()):
            raise ThresholdError(f"{path}: the limits of {name!r} must be numbers")
    return content


def violations(thresholds: Thresholds, outcomes: list[Outcome]) -> list[str]:
    """Return a line for each limit that is not kept. A named request that was never sent keeps none of its limits."""
    sent = {outcome.name for outcome in outcomes}
    found = [f"{name}: never sent" for name in thresholds if name != "*" and name not in sent]
    for outcome in outcomes:
        for limit, value in thresholds.get(outcome.name, thresholds.get("*", {})).items():
            actual = _actual(outcome, limit)
            if actual < value if limit == "requests" else actual > value:
                found.append(f"{outcome.name}: {limit} {actual:g}, limit {value:g}")
    return found


def _actual(outcome: Outcome, limit: str) -> float:
    if limit == "failures":
        return outcome.failures / outcome.requests if outcome.requests else 0.0
    return float(getattr(outcome, limit))
