"""The part of a long section that answers best."""

from collections.abc import Sequence


def excerpt(body: str, terms: Sequence[str], limit: int) -> str:
    """Return at most `limit` characters of `body`: whole lines around those that hold most of the terms.

    Args:
        body: a section's text.
        terms: lower-case words of the question.
        limit: in characters; a section that is no longer is returned whole.
    """
    if len(body) <= limit:
        return body
    lines = body.split("\n")
    hits = [frozenset(number for number, term in enumerate(terms) if term in line.lower()) for line in lines]
    first, last = _best_window([len(line) + 1 for line in lines], hits, limit + 1)
    return "\n".join(lines[first:last])[:limit].strip("\n")


def _best_window(sizes: Sequence[int], hits: Sequence[frozenset[int]], limit: int) -> tuple[int, int]:
    """Return the run of lines, at most `limit` long together, that holds most different terms.

    Most lines with any of them decide a tie, then the earlier place. A line that is longer by itself is a run, too.
    """
    best = (0, 1)
    best_value = (-1, -1)
    counts: dict[int, int] = {}
    size = matching = last = 0
    for first in range(len(sizes)):
        while last < len(sizes) and (size + sizes[last] <= limit or last == first):
            size += sizes[last]
            matching += bool(hits[last])
            for term in hits[last]:
                counts[term] = counts.get(term, 0) + 1
            last += 1
        value = (len(counts), matching)
        if value > best_value:
            best, best_value = (first, last), value
        size -= sizes[first]
        matching -= bool(hits[first])
        for term in hits[first]:
            counts[term] -= 1
            if not counts[term]:
                del counts[term]
    return best
