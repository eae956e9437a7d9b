"""CSV and JSON of a run, and the table that it prints."""

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from load.thresholds import Outcome

COLUMNS = [field.name for field in fields(Outcome)]


def write(
    directory: Path, outcomes: Sequence[Outcome], settings: dict[str, Any], errors: Sequence[str], broken: Sequence[str]
) -> None:
    """Write load-test.csv and load-test.json."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "load-test.csv").open("w", newline="") as output:
        writer = csv.DictWriter(output, COLUMNS)
        writer.writeheader()
        writer.writerows(asdict(outcome) for outcome in outcomes)
    document = {
        "settings": settings,
        "requests": [asdict(outcome) for outcome in outcomes],
        "errors": list(errors),
        "violations": list(broken),
    }
    (directory / "load-test.json").write_text(json.dumps(document, indent=1) + "\n")


def table(outcomes: Sequence[Outcome]) -> str:
    """Return the outcomes as aligned lines."""
    rows = [("request", "sent", "failed", "p50 ms", "p95 ms", "p99 ms", "1/s", "bytes")]
    rows += [
        (
            each.name,
            str(each.requests),
            str(each.failures),
            f"{each.p50_ms:.0f}",
            f"{each.p95_ms:.0f}",
            f"{each.p99_ms:.0f}",
            f"{each.requests_per_second:.1f}",
            f"{each.mean_bytes:.0f}",
        )
        for each in outcomes
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    )
