"""Finds options by name, by fragments of it, by key words and by questions."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ai_stack.nixos_docs.lexicon import Field, Lexicon, Query, Scores, spaced_words
from ai_stack.nixos_docs.options.paths import is_wildcard, split_path
from ai_stack.nixos_docs.options.tree import OptionTree

#: Name of the collection in the index.
KIND = "option"

#: Words of the whole name, of its last part, of the description.
FIELDS = (Field(2.0, 0.3), Field(1.0, 0.0), Field(1.0, 0.5))

# Characters of a description whose meaning is looked at: what comes after is detail.
_MAX_DESCRIPTION = 400

# How much the words count beside the meaning.
_WORDS_SHARE = 0.3

# What is less near than this and shares no word has nothing to do with the question (cosine).
_MIN_SIMILARITY = 0.25

# Above every sum of the other measures: the option whose name was typed, and those below that name.
_EXACT_BONUS = 4.0
_BELOW_BONUS = 2.0

_PATH = re.compile(r'[A-Za-z_"<][^\s]*\.[^\s]+|[A-Za-z_][\w-]*')


@dataclass(frozen=True, slots=True)
class OptionOutcome:
    """Numbers of the options found with their relevance, best first; how many there are; corrected words."""

    hits: tuple[tuple[int, float], ...]
    total: int
    corrections: dict[str, str]


def fields_of(parts: Sequence[str], description: str) -> tuple[str, str, str]:
    """Return the contents of `FIELDS` for an option."""
    named = [part for part in parts if not is_wildcard(part)]
    return ".".join(named), named[-1] if named else "", description


def texts_to_embed(parts: Sequence[str], description: str) -> tuple[str, str]:
    """Return the texts whose vectors' mean stands for an option: its name as words, and that with its description.

    The name by itself keeps long descriptions from hiding what the option is called.
    """
    name = spaced_words(fields_of(parts, "")[0]) or ".".join(parts)
    return name, f"{name}: {' '.join(description.split())[:_MAX_DESCRIPTION]}"


class OptionSearch:
    """Searches the options of an index. To be used by one thread at a time.

    Args:
        lexicon: of the collection `KIND`.
        tree: of the options' names.
        importance: factor for each option.
    """

    def __init__(self, lexicon: Lexicon, tree: OptionTree, importance: NDArray[np.float32]) -> None:
        self._lexicon = lexicon
        self._tree = tree
        self._importance = importance

    def prepare(self, question: str) -> Query:
        """Make a question ready; see `Lexicon.prepare`."""
        return self._lexicon.prepare(question)

    def search(self, question: str, query: Query, *, limit: int, similarity: Scores | None) -> OptionOutcome:
        """Find the options that a question is about.

        Words and meaning are added up, each relative to its best, and weighed with the option's importance. An option
        whose very name was given comes first (concrete names match `<name>`), then those below it.

        Args:
            question: as it was asked.
            query: the same from `prepare`.
            limit: most options to return.
            similarity: cosine of each option's vector with the question's; None to go by words alone.
        """
        words = self._lexicon.score(query.stems)
        found = words > 0
        total = _relative(words)
        if similarity is not None:
            found |= similarity >= _MIN_SIMILARITY
            total = _WORDS_SHARE * total + (1 - _WORDS_SHARE) * _relative(np.maximum(similarity, 0))
        total = total * self._importance
        for number, bonus in self._named(question):
            total[number] += bonus
            found[number] = True
        total[~found] = 0
        best = _best(total, limit)
        return OptionOutcome(
            hits=tuple((int(number), float(total[number])) for number in best),
            total=int(np.count_nonzero(found)),
            corrections=query.corrections,
        )

    def _named(self, question: str) -> Iterable[tuple[int, float]]:
        """Yield the options whose name, or the beginning of it, was typed, with a bonus for it."""
        question = question.strip().rstrip(".;=")
        if not _PATH.fullmatch(question):
            return
        path = split_path(question)
        if len(path) > 1 and path[0] in {"config", "options"}:
            path = path[1:]
        node = self._tree.find(path)
        if node is None:
            return
        for number in node.options():
            yield number, _EXACT_BONUS if number == node.option else _BELOW_BONUS


def _relative(scores: Scores) -> Scores:
    most = float(scores.max(initial=0.0))
    return scores / np.float32(most) if most > 0 else scores


def _best(total: Scores, limit: int) -> Sequence[int]:
    """Return the places of the greatest values above 0, the earlier one first among equals."""
    candidates = np.flatnonzero(total)
    if len(candidates) > limit:
        threshold = np.partition(total[candidates], -limit)[-limit]
        candidates = candidates[total[candidates] >= threshold]
    return [int(number) for number in candidates[np.argsort(-total[candidates], kind="stable")][:limit]]
