"""Finds what has become worse since an earlier run: `scripts/bench NAME --compare OLD.json`."""

from dataclasses import dataclass

from bench import machine
from bench.results import Results, Series

TOLERANCE = 0.10


@dataclass(frozen=True, slots=True)
class Change:
    """One figure, then and now. `worse` is the factor by which it became worse; below 1 it became better."""

    name: str
    then: float
    now: float
    worse: float
    regression: bool


def changes(old: Results, new: Results, tolerance: float = TOLERANCE) -> list[Change]:
    """Compare two runs of one benchmark.

    What the reference is held against gives the ratios of each run, which a busy or a slower machine changes little;
    absolute figures of the reference are compared only between runs on the same machine. A regression is a median that
    is worse by more than `tolerance` and, where there are three samples or more, a best sample of the reference that
    is worse than the old median: what noise alone explains is none.

    Raises:
        ValueError: the runs are of different benchmarks.
    """
    if old.benchmark != new.benchmark:
        raise ValueError(f"a run of {new.benchmark} cannot be compared with one of {old.benchmark}")
    found = []
    for series in new.series():
        before = old.find(series.workload, series.subject, series.metric)
        if before is None:
            continue
        then, now = _reference(old, before), _reference(new, series)
        if then is not None and now is not None:
            name = f"{_name(now)} / {series.subject}"
            found.append(_change(name, then, now, tolerance, before.median, series.median))
        elif then is now and machine.same(old.machine, new.machine):
            found.append(_change(_name(series), before, series, tolerance))
    return found


def _change(
    name: str, before: Series, after: Series, tolerance: float, old_scale: float = 1.0, new_scale: float = 1.0
) -> Change:
    higher = after.metric.better == "higher"
    then, now = before.median / old_scale, after.median / new_scale
    best = (max if higher else min)(after.samples) / new_scale

    def worse(value: float) -> float:
        over, under = (then, value) if higher else (value, then)
        if under == 0:
            return 1.0 if over == 0 else float("inf")
        return over / under

    regression = worse(now) > 1 + tolerance and (len(after.samples) < 3 or worse(best) > 1)
    return Change(name, then, now, worse(now), regression)


def _name(series: Series) -> str:
    return f"{series.workload}: {series.metric.name}: {series.subject}"


def _reference(results: Results, series: Series) -> Series | None:
    """Return what is held against this series; None when it is the reference itself, or there is nothing to divide."""
    if results.reference in (None, series.subject) or not series.median:
        return None
    return results.find(series.workload, results.reference or "", series.metric)
