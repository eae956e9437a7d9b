"""Reads the names of metrics out of PromQL, as far as the project's own expressions go.

https://prometheus.io/docs/prometheus/latest/querying/basics/
"""

import re

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
#: What is no name of a metric: label matchers, ranges, offsets, and the lists of labels after certain words.
_NOISE = re.compile(
    r"\{[^{}]*\}|\[[^\]]*\]|\boffset\s+-?\w+|\b(?:by|without|on|ignoring|group_left|group_right)\b\s*(?:\([^()]*\))?"
)
_WORD = re.compile(r"(?<![a-zA-Z0-9_:.])[a-zA-Z_:][a-zA-Z0-9_:]*(?!\s*\(|[a-zA-Z0-9_:])")
_KEYWORDS = frozenset(("and", "or", "unless", "bool", "Inf", "NaN", "atan2"))


def metrics_in(expression: str) -> set[str]:
    """Return the names of the metrics that an expression selects."""
    return set(_WORD.findall(_NOISE.sub(" ", _STRING.sub("", expression)))) - _KEYWORDS
