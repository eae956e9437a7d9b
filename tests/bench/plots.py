"""Pictures of results as SVG, without a library: horizontal bars, one group per workload."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from bench.page import number
from bench.results import Metric, Results, Series

WIDTH = 860
_LABEL = 300
_VALUE = 110
_BAR = 18
_GAP = 6
# Okabe and Ito's colours, which most kinds of colour vision tell apart (https://jfly.uni-koeln.de/color/).
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1b1b1b}.head{font-weight:600}.title{font-size:16px;font-weight:600}"
    ".back{fill:#fff}@media(prefers-color-scheme:dark){text{fill:#eee}.back{fill:#161616}}"
)


def write_plots(results: Results, metrics: Sequence[Metric], directory: Path) -> list[tuple[str, str]]:
    """Write one picture per metric beside the page; return (description, file name) of each that has figures."""
    written = []
    for metric in metrics:
        series = [each for each in results.series() if each.metric.name == metric.name]
        if series:
            name = f"{results.benchmark}-{metric.name.lower().replace(' ', '-')}.svg"
            (directory / name).write_text(bars(f"{results.benchmark}: {metric.name} ({metric.unit})", series))
            written.append((f"{metric.name}, {metric.unit}; {metric.better} is better", name))
    return written


def bars(title: str, series: Sequence[Series]) -> str:
    """Return a bar chart of medians. Each workload has its own scale: workloads differ by orders of magnitude."""
    subjects = list(dict.fromkeys(each.subject for each in series))
    parts: list[str] = []
    top = 44
    for workload in dict.fromkeys(each.workload for each in series):
        group = [each for each in series if each.workload == workload]
        parts.append(f'<text class="head" x="10" y="{top}">{escape(workload)}</text>')
        top += 10
        longest = max(each.median for each in group) or 1
        for each in group:
            width = (WIDTH - _LABEL - _VALUE) * each.median / longest
            colour = COLOURS[subjects.index(each.subject) % len(COLOURS)]
            middle = top + _BAR - 5
            parts.append(f'<text x="{_LABEL - 8}" y="{middle}" text-anchor="end">{escape(each.subject)}</text>')
            parts.append(f'<rect x="{_LABEL}" y="{top}" width="{width:.1f}" height="{_BAR}" fill="{colour}"/>')
            parts.append(f'<text x="{_LABEL + width + 6:.1f}" y="{middle}">{number(each.median)}</text>')
            top += _BAR + _GAP
        top += 22
    return svg(WIDTH, top, title, parts)


def svg(width: int, height: int, title: str, parts: Sequence[str]) -> str:
    """Return a picture with a title, in the colours that the reader's system prefers."""
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
            f"<title>{escape(title)}</title>",
            f"<style>{STYLE}</style>",
            f'<rect class="back" width="{width}" height="{height}"/>',
            f'<text class="title" x="10" y="22">{escape(title)}</text>',
            *parts,
            "</svg>\n",
        ]
    )
