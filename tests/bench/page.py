"""The page of a benchmark: what was promised, one table per workload, and a plot of each metric."""

from collections.abc import Iterable, Iterator

from bench import machine
from bench.results import Metric, Results


def markdown(results: Results, title: str, plots: Iterable[tuple[str, str]] = ()) -> str:
    """Return the page. `plots` are (description, file name) of pictures beside it."""
    settings = ", ".join(f"{name} {value}" for name, value in results.settings.items())
    lines = [
        f"# {title}",
        "",
        f"{results.date[:10]}; {machine.sentence(results.machine)}." + (f" Settings: {settings}." if settings else ""),
        "Medians over interleaved rounds."
        + (
            f" `×` is the figure of `{results.reference}` over that of the row, in the same run."
            if _ratios(results)
            else ""
        ),
        f"All samples: [{results.benchmark}.json]({results.benchmark}.json).",
        "",
    ]
    if results.bars:
        lines += ["## What was promised", "", *bar_table(results), ""]
    for text in results.notes:
        lines += [text, ""]
    for workload in dict.fromkeys(each.workload for each in results.series()):
        lines += [f"## {workload}", "", *_table(results, workload), ""]
    for description, name in plots:
        lines += [f"![{description}]({name})", ""]
    return "\n".join(lines).rstrip() + "\n"


def bar_table(results: Results) -> list[str]:
    """Return the lines of a table of the bars."""
    lines = ["| promise | limit | measured | |", "|---|---|---|---|"]
    for bar in results.bars:
        sign = "≤" if bar.at_most else "≥"
        lines.append(
            f"| {bar.claim} | {sign} {bar.limit:g} | {number(bar.measured)} | {'met' if bar.met else '**not met**'} |"
        )
    return lines


def number(value: float) -> str:
    """Return a figure with three significant digits at least, and no fraction from 100 on."""
    return f"{value:.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def _table(results: Results, workload: str) -> list[str]:
    here = [each for each in results.series() if each.workload == workload]
    metrics = {each.metric.name: each.metric for each in here}.values()
    subjects = list(dict.fromkeys(each.subject for each in here))
    compared = results.reference in subjects and len(subjects) > 1
    head = [cell for metric in metrics for cell in _heads(metric, compared)]
    lines = [f"| | {' | '.join(head)} |", "|---" * (len(head) + 1) + "|"]
    lines.extend(
        f"| {subject} | {' | '.join(_cells(results, workload, subject, metrics, compared))} |" for subject in subjects
    )
    return lines


def _heads(metric: Metric, compared: bool) -> list[str]:
    name = f"{metric.name}, {metric.unit}"
    return [name, "×"] if compared else [name]


def _cells(results: Results, workload: str, subject: str, metrics: Iterable[Metric], compared: bool) -> Iterator[str]:
    for metric in metrics:
        found = results.find(workload, subject, metric)
        yield number(found.median) if found else "–"
        if compared:
            base = results.find(workload, results.reference or "", metric)
            yield f"{base.median / found.median:.2f}" if base and found and found.median else "–"


def _ratios(results: Results) -> bool:
    return any(each.subject != results.reference for each in results.series()) and results.reference is not None
