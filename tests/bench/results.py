"""What every benchmark writes: samples by workload, subject and metric, and the bars that they were held against.

A *subject* is one of the things that are compared (this project, a peer, one setting against another). All subjects
are measured in turn within each round, so that a ratio of two medians of one run says something on a busy machine too.
"""

import json
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from bench import machine

FORMAT = 1

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Metric:
    """What is measured, and which direction is the better one."""

    name: str
    unit: str
    better: Literal["higher", "lower"]


REQUESTS_PER_SECOND = Metric("requests", "1/s", "higher")
REQUESTS_PER_CPU_SECOND = Metric("requests per CPU-second", "1/s", "higher")
CPU_MS = Metric("CPU per request", "ms", "lower")
P50 = Metric("p50", "ms", "lower")
P95 = Metric("p95", "ms", "lower")
P99 = Metric("p99", "ms", "lower")
RESIDENT = Metric("memory", "MiB", "lower")
SECONDS = Metric("time", "s", "lower")
FAILURES = Metric("failed", "requests", "lower")


@dataclass(frozen=True, slots=True)
class Series:
    """One figure, once per round."""

    workload: str
    subject: str
    metric: Metric
    samples: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The middle one of the samples."""
        return statistics.median(self.samples)


@dataclass(frozen=True, slots=True)
class Bar:
    """A promise, and what was measured. `at_most` says whether the limit is an upper or a lower one."""

    claim: str
    limit: float
    measured: float
    at_most: bool

    @property
    def met(self) -> bool:
        """Whether the promise is kept."""
        return self.measured <= self.limit if self.at_most else self.measured >= self.limit


class Results:
    """The outcome of one run of one benchmark.

    Args:
        benchmark: its name at `scripts/bench`; the files are named after it.
        reference: the subject whose figures are to be good, and are divided by those of each other one in tables and
            comparisons (this project, the larger size, the feature turned on); None when nothing is compared.
        settings: how it was run (rounds, seconds, sizes), for the reader.
    """

    def __init__(self, benchmark: str, *, reference: str | None = None, settings: dict[str, Any] | None = None) -> None:
        self.benchmark = benchmark
        self.reference = reference
        self.settings = settings or {}
        self.date = datetime.now(UTC).isoformat(timespec="seconds")
        self.machine = machine.describe()
        self.bars: list[Bar] = []
        self.notes: list[str] = []
        self._series: dict[tuple[str, str, str], Series] = {}

    def add(self, workload: str, subject: str, metric: Metric, value: float) -> None:
        """Record a sample."""
        key = (workload, subject, metric.name)
        self._series.setdefault(key, Series(workload, subject, metric)).samples.append(value)

    def bar(self, claim: str, measured: float, *, at_most: float | None = None, at_least: float | None = None) -> Bar:
        """Hold a figure against one limit, and return the outcome."""
        if (at_most is None) == (at_least is None):
            raise ValueError("give one limit")
        made = Bar(claim, at_most if at_most is not None else at_least or 0.0, measured, at_most is not None)
        self.bars.append(made)
        return made

    def note(self, text: str) -> None:
        """Say something that a reader of the figures must know, in Markdown."""
        self.notes.append(text)

    def series(self) -> Iterator[Series]:
        """Return everything that was recorded, in the order of its first sample."""
        yield from self._series.values()

    def find(self, workload: str, subject: str, metric: Metric | str) -> Series | None:
        """Return one series."""
        return self._series.get((workload, subject, metric if isinstance(metric, str) else metric.name))

    def median(self, workload: str, subject: str, metric: Metric) -> float:
        """Return a median.

        Raises:
            KeyError: nothing was recorded there.
        """
        return self._series[workload, subject, metric.name].median

    def document(self) -> dict[str, Any]:
        """Return everything, ready for JSON."""
        return {
            "format": FORMAT,
            "benchmark": self.benchmark,
            "reference": self.reference,
            "date": self.date,
            "machine": self.machine,
            "settings": self.settings,
            "bars": [{**asdict(each), "met": each.met} for each in self.bars],
            "notes": self.notes,
            "series": [asdict(each) for each in self.series()],
        }

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return what was written to a file before.

        Raises:
            ValueError: the file is not such a document.
        """
        facts = json.loads(path.read_text())
        if not isinstance(facts, dict) or facts.get("format") != FORMAT:
            raise ValueError(f"{path} is not a result of scripts/bench")
        made = cls(facts["benchmark"], reference=facts["reference"], settings=facts["settings"])
        made.date, made.machine, made.notes = facts["date"], facts["machine"], facts["notes"]
        made.bars = [Bar(each["claim"], each["limit"], each["measured"], each["at_most"]) for each in facts["bars"]]
        for each in facts["series"]:
            for sample in each["samples"]:
                made.add(each["workload"], each["subject"], Metric(**each["metric"]), sample)
        return made


def rotated(subjects: Sequence[T], number: int) -> list[T]:
    """Return the order of a round: another begins each time, so that none always has the machine as another left it."""
    first = number % len(subjects)
    return [*subjects[first:], *subjects[:first]]
