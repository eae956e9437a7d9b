"""What users send: made from the documents of a corpus, each one new unless it is meant to be a repeat."""

import random
import re
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

SUFFIXES = (".md", ".rst", ".txt")
_SHORTEST = 5
_LONGEST = 40
_PHRASE = 4
_QUERY_PHRASES = 2
_REMEMBERED = 200


class CorpusError(Exception):
    """There is nothing to make payloads of."""


def read_sentences(directory: Path) -> list[str]:
    """Return the sentences of a directory's documents, without markup.

    Raises:
        CorpusError: there are none.
    """
    found = []
    for path in sorted(directory.rglob("*")):
        if path.suffix in SUFFIXES and path.is_file():
            text = re.sub(r"```.*?```|[`*#|>\[\]_]", " ", path.read_text(errors="replace"), flags=re.DOTALL)
            found += [" ".join(each.split()) for each in re.split(r"(?<=[.:!?])\s+|\n\s*\n", text)]
    sentences = [each for each in found if _SHORTEST <= len(each.split()) <= _LONGEST]
    if not sentences:
        raise CorpusError(f"{directory} holds no sentences in {', '.join(SUFFIXES)} files")
    return sentences


class Payloads:
    """An endless supply of texts.

    A text is a new combination of pieces of sentences, so that no cache knows it; or, with the probability `repeats`,
    one of the last that were given out. The same seed gives the same texts.

    Args:
        sentences: to make texts of.
        repeats: share of texts that are repeats, 0 to 1.
        seed: of the random choices.
    """

    def __init__(self, sentences: Sequence[str], *, repeats: float, seed: int) -> None:
        self._sentences = sentences
        self._repeats = repeats
        self._chance = random.Random(seed)
        self._queries: list[str] = []
        self._texts: list[str] = []

    def query(self) -> str:
        """A few words, as somebody asks."""
        return self._next(self._queries, lambda: " ".join(self._phrase() for _ in range(_QUERY_PHRASES)))

    def text(self) -> str:
        """A passage of one to three sentences."""
        return self._next(self._texts, lambda: " ".join([self._phrase(), *self._some(1, 3)]))

    def document(self) -> str:
        """A Markdown document of a few paragraphs; never a repeat."""
        paragraphs = (" ".join(self._some(2, 5)) for _ in range(self._chance.randint(1, 4)))
        return f"# {self._phrase()}\n\n" + "\n\n".join(paragraphs) + "\n"

    def path(self) -> str:
        """A name for a document; never a repeat, whatever the seed."""
        return f"{uuid.uuid4()}.md"

    def _some(self, least: int, most: int) -> list[str]:
        return self._chance.choices(self._sentences, k=self._chance.randint(least, most))

    def _phrase(self) -> str:
        words = self._chance.choice(self._sentences).split()
        start = self._chance.randint(0, max(0, len(words) - _PHRASE))
        return " ".join(words[start : start + _PHRASE])

    def _next(self, given: list[str], make: Callable[[], str]) -> str:
        if given and self._chance.random() < self._repeats:
            return self._chance.choice(given)
        made = make()
        if len(given) < _REMEMBERED:
            given.append(made)
        else:
            given[self._chance.randrange(_REMEMBERED)] = made
        return made
