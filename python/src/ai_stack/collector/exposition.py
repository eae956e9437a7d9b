"""Reads the text exposition format of Prometheus, as far as sums of samples need it.

https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

import math
import re

_LABELS = r'\{(?P<labels>(?:[^"}]|"(?:[^"\\]|\\.)*")*)\}'
_SAMPLE = re.compile(rf"(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?:{_LABELS})?\s+(?P<value>\S+)")
_LABEL = re.compile(r'(?P<name>[a-zA-Z_][a-zA-Z0-9_]*)="(?P<value>(?:[^"\\]|\\.)*)"')


class Samples:
    """The samples of one scrape. Lines that are no samples, and NaN, are left out."""

    def __init__(self, text: str = "") -> None:
        self._samples: list[tuple[str, dict[str, str], float]] = []
        for line in text.splitlines():
            match = _SAMPLE.match(line)
            if match is None:
                continue
            try:
                value = float(match["value"])
            except ValueError:
                continue
            if not math.isnan(value):
                labels = {each["name"]: each["value"] for each in _LABEL.finditer(match["labels"] or "")}
                self._samples.append((match["name"], labels, value))

    def sum(self, name: str, **labels: str) -> float | None:
        """Return the sum of the samples of a name that have these labels; None when there is none."""
        found = [
            value
            for sample, has, value in self._samples
            if sample == name and all(has.get(label) == wanted for label, wanted in labels.items())
        ]
        return sum(found) if found else None
