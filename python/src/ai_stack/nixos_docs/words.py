"""Words of documents and of questions, and how far apart two of them are."""

import re
from collections.abc import Iterable, Iterator

_WORD = re.compile(r"\w+")
_LETTERS = re.compile(r"[^\W\d_]{3,}")
_HUMP = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z]+")

#: Words that say nothing about a question's subject. `not`, `without` and the like stay out of it as well: a search
#: for words cannot honour them.
STOP_WORDS = frozenset(
    # Prose is read and diffed more easily than 170 quoted words.
    """
    a about after again all also am an and any are as at be because been before being between both but by can cannot
    could did do does doing for from get gets getting got had has have having he her here hers him his how i if in into
    is it its itself just let like me more most my myself no nor not of off on once only onto or other our ours out over
    own please same shall she should so some such than that the their theirs them then there these they this those
    through to too under until up upon us very want wants was we were what when where whether which while who whom whose
    why will with without would you your yours
    """.split()  # noqa: SIM905
)


def terms(question: str) -> list[str]:
    """Return the words of a question that are worth looking for, in order and once each.

    A question of stop words only keeps them all: better a poor answer than none.
    """
    words = list(dict.fromkeys(word.lower() for word in _WORD.findall(question)))
    return [word for word in words if word not in STOP_WORDS] or words


def camel_phrases(text: str) -> Iterator[tuple[str, ...]]:
    """Yield the parts of each mixed-case word: `callPackage` gives ("call", "Package")."""
    for word in _WORD.findall(text):
        # Most words have no hump; saying so early makes the index build three times as fast.
        if word.islower() or word.isupper() or word.istitle():
            continue
        parts = tuple(_HUMP.findall(word))
        if len(parts) > 1:
            yield parts


def vocabulary(text: str) -> set[str]:
    """Return the lower-case words of a text, without those that hold digits or have fewer than three letters."""
    return set(_LETTERS.findall(text.lower()))


def bigrams(word: str) -> list[str]:
    """Return the pairs of neighbouring letters of a word, its ends marked; similar words share many."""
    marked = f"^{word}$"
    return [marked[number : number + 2] for number in range(len(marked) - 1)]


def edit_distance(left: str, right: str, limit: int) -> int:
    """Return the number of edits between two words, or `limit` + 1 when there are more.

    An edit inserts, deletes or replaces a letter or swaps two neighbours, no letter being edited twice (optimal string
    alignment; Damerau, CACM 7(3), 1964).
    """
    if abs(len(left) - len(right)) > limit:
        return limit + 1
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, letter in enumerate(left, start=1):
        before, row, previous = row, [i], before
        for j, other in enumerate(right, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == right[j - 2] and left[i - 2] == other:
                cost = min(cost, previous[j - 2] + 1)
            row.append(cost)
        if min(row) > limit:
            return limit + 1
    return min(row[-1], limit + 1)


def edit_limit(word: str) -> int:
    """Return the number of edits that a misspelling of this length may be away from what was meant."""
    return 1 if len(word) < 8 else 2


def closest(word: str, candidates: Iterable[tuple[str, int]]) -> str | None:
    """Return the word that somebody who typed `word` most likely meant, None if none is near.

    The one with the fewest edits, then with the most letter pairs in common (Dice's coefficient), then the commonest.

    Args:
        word: lower case.
        candidates: words with the number of sections that hold them.
    """
    limit = edit_limit(word)
    pairs = set(bigrams(word))
    best: tuple[float, float, int, str] | None = None
    for candidate, sections in candidates:
        distance = edit_distance(word, candidate, limit)
        if distance > limit:
            continue
        others = set(bigrams(candidate))
        shared = 2 * len(pairs & others) / (len(pairs) + len(others))
        # The first letter is seldom the wrong one.
        key = (distance + 0.5 * (candidate[0] != word[0]), -shared, -sections, candidate)
        if best is None or key < best:
            best = key
    return best[3] if best else None
