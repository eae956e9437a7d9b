"""Words of a collection of short texts with named fields, and how much each text is about them.

Scores are BM25F (Zaragoza et al., "Microsoft Cambridge at TREC-13", 2004): of each word the weighted frequencies in the
fields are added before they are damped. They are computed when the index is built, so that a search adds up a few
arrays.
"""

import math
import re
import sqlite3
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import snowballstemmer  # type: ignore[import-untyped]
from numpy.typing import NDArray

from ai_stack.nixos_docs.words import STOP_WORDS, bigrams, closest, terms

Scores = NDArray[np.float32]

_WORD = re.compile(r"[^\W_]+")
_NAME = re.compile(r"\w\.\w|[a-z][A-Z]")
_HUMP = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z]+|[^\W_]+")

# The usual values: https://www.sqlite.org/fts5.html#the_bm25_function has the same.
_K1 = 1.2

_MIN_LETTERS_TO_CORRECT = 4
_MIN_LETTERS_TO_JOIN = 5
_CORRECTION_CANDIDATES = 100

#: Words of a question that are looked for.
MAX_WORDS = 48


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the texts: how much a word in it counts, and how far its length is evened out (0 to 1)."""

    weight: float
    evening: float


@dataclass(frozen=True, slots=True)
class Query:
    """A question made ready: word stems to look for, and words that were taken for others.

    `text_to_embed` is the question with these words replaced, and names in it written as words.
    """

    stems: tuple[str, ...]
    corrections: dict[str, str]
    text_to_embed: str


def split_words(text: str) -> list[str]:
    """Return the words of a text in lower case; of mixed-case ones the parts, and the whole."""
    words: list[str] = []
    for word in _WORD.findall(text):
        # Most words have no hump.
        if not (word.islower() or word.isdigit()):
            parts = _HUMP.findall(word)
            if len(parts) > 1:
                words.extend(part.lower() for part in parts)
        words.append(word.lower())
    return words


def spaced_words(text: str) -> str:
    """Return the words of a name, with spaces between: `nginx.virtualHosts` gives `nginx virtual hosts`."""
    return " ".join(part.lower() for word in _WORD.findall(text) for part in _HUMP.findall(word))


_stemmer = snowballstemmer.stemmer("english")
_stemmer_lock = threading.Lock()


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """Return the stem of an English word (Porter's second algorithm, https://snowballstem.org)."""
    # A stemmer keeps the word that it works on in itself.
    with _stemmer_lock:
        result: str = _stemmer.stemWord(word)
    return result


def ddl(kind: str) -> str:
    """Return the statements that make the tables of a collection."""
    return f"""
    CREATE TABLE {kind}_terms (term TEXT PRIMARY KEY, numbers BLOB NOT NULL, scores BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE {kind}_words (id INTEGER PRIMARY KEY, word TEXT NOT NULL UNIQUE, texts INTEGER NOT NULL);
    CREATE VIRTUAL TABLE {kind}_words_bigrams USING fts5(
        bigrams, content='', tokenize="unicode61 remove_diacritics 0 tokenchars '^$'"
    );
    """


def write_lexicon(
    database: sqlite3.Connection,
    kind: str,
    fields: Sequence[Field],
    texts: Sequence[Sequence[str]],
    stopped: Callable[[], None],
) -> None:
    """Fill the tables of a collection.

    Args:
        database: with the tables of `ddl`.
        kind: name of the collection.
        fields: of each text.
        texts: the fields' contents; a text's number is its place.
        stopped: called now and then; raises to end the work.
    """
    frequencies: defaultdict[str, dict[int, float]] = defaultdict(dict)
    vocabulary: Counter[str] = Counter()
    words = [[[word for word in split_words(content) if word not in STOP_WORDS] for content in text] for text in texts]
    for column, field in enumerate(fields):
        average = max(1.0, sum(len(text[column]) for text in words) / max(1, len(words)))
        for number, text in enumerate(words):
            if number % 1000 == 0:
                stopped()
            share = field.weight / (1 - field.evening + field.evening * len(text[column]) / average)
            for word in text[column]:
                of_term = frequencies[stem(word)]
                of_term[number] = of_term.get(number, 0.0) + share
    for text in words:
        vocabulary.update({word for content in text for word in content})
    for term in sorted(frequencies):
        of_term = frequencies[term]
        rarity = math.log(1 + (len(texts) - len(of_term) + 0.5) / (len(of_term) + 0.5))
        numbers = sorted(of_term)
        scores = [rarity * of_term[number] * (_K1 + 1) / (of_term[number] + _K1) for number in numbers]
        database.execute(
            f"INSERT INTO {kind}_terms VALUES (?, ?, ?)",  # noqa: S608 - a constant of the caller
            (term, np.asarray(numbers, "<u4").tobytes(), np.asarray(scores, "<f4").tobytes()),
        )
    for place, word in enumerate(sorted(word for word in vocabulary if word.isalpha() and len(word) > 2), start=1):
        database.execute(f"INSERT INTO {kind}_words VALUES (?, ?, ?)", (place, word, vocabulary[word]))  # noqa: S608
        database.execute(
            f"INSERT INTO {kind}_words_bigrams (rowid, bigrams) VALUES (?, ?)",  # noqa: S608
            (place, " ".join(bigrams(word))),
        )


class Lexicon:
    """Reads the tables of a collection. To be used by one thread at a time.

    Args:
        database: an index.
        kind: name of the collection.
        size: number of its texts.
    """

    def __init__(self, database: sqlite3.Connection, kind: str, size: int) -> None:
        self._database = database
        self._kind = kind
        self._size = size

    def prepare(self, question: str) -> Query:
        """Make a question ready: leave out stop words, correct misspellings, join what is one word here.

        A word that stands nowhere is replaced by the nearest that does. Two neighbours that together are a word
        (`time zone`, `git-ea`) are looked for as that word, too.
        """
        raw = terms(" ".join(split_words(question)))[:MAX_WORDS]
        corrections = {word: near for word in raw if (near := self._correction(word)) is not None}
        words = [corrections.get(word, word) for word in raw]
        neighbours = [word.lower() for word in _WORD.findall(question)][: 2 * MAX_WORDS]
        joined = [
            pair
            for first, second in pairwise(neighbours)
            if len(pair := first + second) >= _MIN_LETTERS_TO_JOIN and self._is_word(pair)
        ]
        text = _WORD.sub(lambda match: corrections.get(match[0].lower(), match[0]), question)
        text = " ".join(spaced_words(word) if _NAME.search(word) else word for word in text.split())
        return Query(tuple(dict.fromkeys(stem(word) for word in (*words, *joined))), corrections, text)

    def score(self, stems: Iterable[str]) -> Scores:
        """Return the score of every text, 0 for those that hold none of the words."""
        total = np.zeros(self._size, np.float32)
        for term in stems:
            row = self._database.execute(
                f"SELECT numbers, scores FROM {self._kind}_terms WHERE term = ?",  # noqa: S608
                (term,),
            ).fetchone()
            if row is not None:
                total[np.frombuffer(row[0], "<u4")] += np.frombuffer(row[1], "<f4")
        return total

    def _is_word(self, word: str) -> bool:
        found = self._database.execute(
            f"SELECT 1 FROM {self._kind}_words WHERE word = ?",  # noqa: S608
            (word,),
        ).fetchone()
        return found is not None

    def _correction(self, word: str) -> str | None:
        if len(word) < _MIN_LETTERS_TO_CORRECT or not word.isalpha() or self._is_word(word):
            return None
        known = self._database.execute(
            f"SELECT 1 FROM {self._kind}_terms WHERE term = ?",  # noqa: S608
            (stem(word),),
        ).fetchone()
        if known is not None:
            return None
        pairs = " OR ".join('"' + pair.replace('"', '""') + '"' for pair in dict.fromkeys(bigrams(word)))
        candidates = self._database.execute(
            f"SELECT word, texts FROM {self._kind}_words_bigrams AS b JOIN {self._kind}_words AS w ON w.id = b.rowid"  # noqa: S608
            f" WHERE b.{self._kind}_words_bigrams MATCH ? ORDER BY rank LIMIT ?",
            (pairs, _CORRECTION_CANDIDATES),
        ).fetchall()
        return closest(word, candidates)
