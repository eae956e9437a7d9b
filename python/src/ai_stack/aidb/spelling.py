"""Which known word a misspelled one most likely stands for."""

from collections.abc import Iterable

#: Of four letters, too many words are one edit from another: "leak" and "leaf".
MIN_LETTERS = 5


def can_be_corrected(word: str) -> bool:
    """Whether a word is one that people misspell: short ones and those with digits are more often names."""
    return len(word) >= MIN_LETTERS and word.isalpha()


def closest(word: str, candidates: Iterable[tuple[str, int]]) -> str | None:
    """Return the candidate with the fewest edits, then the same first letter, then the commonest; None if none is near.

    Near is one edit, from eight letters on two.

    Args:
        word: that is unknown.
        candidates: known words, with the number of chunks they are in.
    """
    limit = 1 if len(word) < 8 else 2
    found = [
        (distance, other[:1] != word[:1], -chunks, other)
        for other, chunks in candidates
        if (distance := edit_distance(word, other, limit)) <= limit
    ]
    return min(found)[3] if found else None


def edit_distance(left: str, right: str, limit: int) -> int:
    """Return the number of edits between two words, or `limit` + 1 when there are more.

    An edit inserts, deletes or replaces a letter or swaps two neighbours, no letter being edited twice (optimal string
    alignment; F. Damerau, Communications of the ACM 7(3), 1964).
    """
    if abs(len(left) - len(right)) > limit:
        return limit + 1
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, letter in enumerate(left, start=1):
        before, previous, row = row, before, [i]
        for j, other in enumerate(right, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == right[j - 2] and left[i - 2] == other:
                cost = min(cost, previous[j - 2] + 1)
            row.append(cost)
        if min(row) > limit:
            return limit + 1
    return min(row[-1], limit + 1)
