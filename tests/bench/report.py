"""Medians, ratios, and the page that shows them."""

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.load import Sample
from bench.servers import OURS
from bench.workloads import Workload

RAW = "engine alone, 256 tokens a call"
RAW_SINGLE = "engine alone, one text a call"


@dataclass(frozen=True, slots=True)
class RawSample:
    """The engine alone in one round."""

    texts_per_second: float
    texts_per_cpu_second: float


@dataclass(slots=True)
class Results:
    """Everything that was measured, by the name of what was measured."""

    started: dict[str, dict[str, float]] = field(default_factory=dict)
    """Seconds and CPU seconds until the first vector."""
    served: dict[str, dict[str, list[Sample]]] = field(default_factory=dict)
    """By workload, then by server."""
    raw: dict[str, dict[str, list[RawSample]]] = field(default_factory=dict)
    """By workload, then by way to call the engine."""
    missing: list[str] = field(default_factory=list)
    """Peers that are not installed."""


def document(results: Results, *, rounds: int, seconds: float) -> dict[str, Any]:
    """Return all samples, and where and how they were taken, ready for JSON."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "cpu": _cpu_model(),
            "cores": len(os.sched_getaffinity(0)),
            "python": platform.python_version(),
            "load_average": os.getloadavg()[0],
        },
        "rounds": rounds,
        "seconds": seconds,
        "not_installed": results.missing,
        "started": results.started,
        "served": _plain(results.served),
        "engine_alone": _plain(results.raw),
    }


def markdown(results: Results, workloads: Sequence[Workload], *, rounds: int, seconds: float) -> str:
    """Return the page: one table per workload, medians over the rounds, ratios of our figure to theirs."""
    lines = [
        "# Benchmark of embeddings",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, {_cpu_model()}, {len(os.sched_getaffinity(0))} cores, Python "
        f"{platform.python_version()}, load average {os.getloadavg()[0]:.1f}. Medians of {rounds} interleaved "
        f"rounds of {seconds:g} s; the cache is off. `×` is {OURS}'s figure over that of the row, in the same run.",
        "",
    ]
    if results.missing:
        lines += [f"Not installed, so not measured: {', '.join(results.missing)}.", ""]
    lines += ["## Start", "", "| server | s | CPU s |", "|---|---|---|"]
    lines += [
        f"| {name} | {made['seconds']:.1f} | {made['cpu_seconds']:.1f} |" for name, made in results.started.items()
    ]
    for workload in workloads:
        lines += ["", f"## {workload.name}", ""]
        lines += [
            "| server | req/s | × | req/CPU-s | × | p50 ms | × | p95 ms | p99 ms | failed | MiB |",
            "|---|---|---|---|---|---|---|---|---|---|---|",
        ]
        rows = {name: _medians(samples) for name, samples in results.served[workload.name].items()}
        own = rows[OURS]
        lines += [_row(name, row, own) for name, row in rows.items()]
        lines += ["", "| engine | texts/s | × | texts/CPU-s | × |", "|---|---|---|---|---|"]
        for name, samples in results.raw[workload.name].items():
            speed = statistics.median(sample.texts_per_second for sample in samples)
            thrift = statistics.median(sample.texts_per_cpu_second for sample in samples)
            ratios = own["rps"] * workload.texts / speed, own["rpc"] * workload.texts / thrift
            lines.append(f"| {name} | {speed:.1f} | {ratios[0]:.2f} | {thrift:.1f} | {ratios[1]:.2f} |")
    return "\n".join(lines) + "\n"


def _medians(samples: Sequence[Sample]) -> dict[str, float]:
    return {
        "rps": statistics.median(sample.requests_per_second for sample in samples),
        "rpc": statistics.median(sample.requests_per_cpu_second for sample in samples),
        "p50": statistics.median(sample.p50_ms for sample in samples),
        "p95": statistics.median(sample.p95_ms for sample in samples),
        "p99": statistics.median(sample.p99_ms for sample in samples),
        "failed": sum(sample.failures for sample in samples),
        "mib": statistics.median(sample.resident_bytes for sample in samples) / 2**20,
    }


def _row(name: str, row: dict[str, float], own: dict[str, float]) -> str:
    def ratio(key: str) -> str:
        return f"{own[key] / row[key]:.2f}" if row[key] else "–"

    return (
        f"| {name} | {row['rps']:.1f} | {ratio('rps')} | {row['rpc']:.1f} | {ratio('rpc')} | {row['p50']:.1f} | "
        f"{ratio('p50')} | {row['p95']:.1f} | {row['p99']:.1f} | {row['failed']:.0f} | {row['mib']:.0f} |"
    )


def _plain(samples: dict[str, dict[str, list[Any]]]) -> dict[str, dict[str, list[dict[str, Any]]]]:
    return {
        workload: {name: [asdict(sample) for sample in each] for name, each in by_name.items()}
        for workload, by_name in samples.items()
    }


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
