"""Finds options by name, by fragments of it, by key words and by questions."""

import re
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ai_stack.nixos_docs.catalogue import Catalogue
from ai_stack.nixos_docs.lexicon import Field, Lexicon, Query, Scores, spaced_words
from ai_stack.nixos_docs.options.paths import is_wildcard, split_path

#: Name of the collection in the index.
KIND = "option"

#: Words of the whole name, of its last part, of the description, of what the documentation says about it.
FIELDS = (Field(2.0, 0.3), Field(1.0, 0.0), Field(1.0, 0.5), Field(1.0, 0.5))

# Characters of a description whose meaning is looked at: what comes after is detail.
_MAX_DESCRIPTION = 400

# How much the words count beside the meaning.
_WORDS_SHARE = 0.3

# How much the meaning of the documentation that names an option counts beside that of the option itself.
_MENTION_SHARE = 0.2

# What is less near than this and shares no word has nothing to do with the question (cosine).
_MIN_SIMILARITY = 0.25

# Above every sum of the other measures: the option whose name was typed, and those below that name.
_EXACT_BONUS = 4.0
_BELOW_BONUS = 2.0

_PATH = re.compile(r'[A-Za-z_"<][^\s]*\.[^\s]+|[A-Za-z_][\w-]*')


@dataclass(frozen=True, slots=True)
class Similarity:
    """Cosines with a question's vector: of each option by number, and of each section of documentation by place."""

    options: Scores
    sections: Scores


@dataclass(frozen=True, slots=True)
class OptionOutcome:
    """Numbers of the options found with their relevance, best first; how many there are; corrected words."""

    hits: tuple[tuple[int, float], ...]
    total: int
    corrections: dict[str, str]


def fields_of(parts: Sequence[str], description: str, told: Sequence[str]) -> tuple[str, str, str, str]:
    """Return the contents of `FIELDS` for an option. `told` is what the documentation says about it."""
    named = _without_wildcards(parts)
    return ".".join(named), named[-1] if named else "", description, "\n".join(told)


def texts_to_embed(parts: Sequence[str], description: str) -> tuple[str, str]:
    """Return the texts whose vectors' mean stands for an option: its name as words, and that with its description.

    The name by itself keeps long descriptions from hiding what the option is called.
    """
    name = spaced_words(".".join(_without_wildcards(parts))) or ".".join(parts)
    return name, f"{name}: {' '.join(description.split())[:_MAX_DESCRIPTION]}"


class OptionSearch:
    """Searches the options of an index. To be used by one thread at a time.

    Args:
        database: the index.
        catalogue: of the index.
    """

    def __init__(self, database: sqlite3.Connection, catalogue: Catalogue) -> None:
        self._lexicon = Lexicon(database, KIND, len(catalogue.names))
        self._catalogue = catalogue
        # Where the mentions of each option begin: they are in the options' order.
        self._first_mentions = np.flatnonzero(np.diff(catalogue.mentioned_options, prepend=-1))

    def prepare(self, question: str) -> Query:
        """Make a question ready; see `Lexicon.prepare`."""
        return self._lexicon.prepare(question)

    def search(self, question: str, query: Query, *, limit: int, similarity: Similarity | None) -> OptionOutcome:
        """Find the options that a question is about.

        Words and meaning are added up, each relative to its best, with a share of the meaning of documentation that
        names the option, and weighed with the option's importance. An option whose very name was given comes first
        (concrete names match `<name>`), then those below it.

        Args:
            question: as it was asked.
            query: the same from `prepare`.
            limit: most options to return.
            similarity: to the question's vector; None to go by words alone.
        """
        words = self._lexicon.score(query.stems)
        found = words > 0
        total = _relative(words)
        if similarity is not None:
            told = self._told(similarity.sections)
            found |= (similarity.options >= _MIN_SIMILARITY) | (told >= _MIN_SIMILARITY)
            meaning = _relative(np.maximum(similarity.options, 0))
            total = _WORDS_SHARE * total + (1 - _WORDS_SHARE) * meaning + _MENTION_SHARE * told
        total = total * self._catalogue.option_importance
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

    def _told(self, sections: Scores) -> Scores:
        """Return, for each option, the similarity of the nearest section that names it, 0 where none does."""
        catalogue = self._catalogue
        nearest = np.zeros(len(catalogue.names), np.float32)
        if len(self._first_mentions):
            best = np.maximum.reduceat(sections[catalogue.mentioning_sections], self._first_mentions)
            nearest[catalogue.mentioned_options[self._first_mentions]] = np.maximum(best, 0)
        return nearest

    def _named(self, question: str) -> Iterable[tuple[int, float]]:
        """Yield the options whose name, or the beginning of it, was typed, with a bonus for it."""
        question = question.strip().rstrip(".;=")
        if not _PATH.fullmatch(question):
            return
        path = split_path(question)
        if len(path) > 1 and path[0] in {"config", "options"}:
            path = path[1:]
        node = self._catalogue.tree.find(path)
        if node is None:
            return
        for number in node.options():
            yield number, _EXACT_BONUS if number == node.option else _BELOW_BONUS


def _without_wildcards(parts: Sequence[str]) -> list[str]:
    return [part for part in parts if not is_wildcard(part)]


def _relative(scores: Scores) -> Scores:
    most = float(scores.max(initial=0.0))
    return scores / np.float32(most) if most > 0 else scores


def _best(total: Scores, limit: int) -> Sequence[int]:
    """Return the places of the greatest values above 0, the earlier one first among equals."""
    # Most of what was found is far behind the best, and sorting takes longer than all that comes before it.
    candidates = np.flatnonzero(total >= np.float32(0.5) * total.max(initial=0.0))
    if len(candidates) < limit or not total.any():
        candidates = np.flatnonzero(total)
    if len(candidates) > limit:
        threshold = np.partition(total[candidates], -limit)[-limit]
        candidates = candidates[total[candidates] >= threshold]
    return [int(number) for number in candidates[np.argsort(-total[candidates], kind="stable")][:limit]]
