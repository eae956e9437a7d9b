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
import orjson
import snowballstemmer
from numpy.typing import NDArray

from ai_stack.nixos_docs.words import STOP_WORDS, bigrams, closest, edit_limit, terms

Scores = NDArray[np.float32]

_WORD = re.compile(r"[^\W_]+")
_NAME = re.compile(r"\w\.\w|[a-z][A-Z]")
_HUMP = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z]+|[^\W_]+")

# The usual values: https://www.sqlite.org/fts5.html#the_bm25_function has the same.
_K1 = 1.2

_MIN_LETTERS_TO_CORRECT = 4
_MIN_LETTERS_TO_JOIN = 5

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
    CREATE TABLE {kind}_pairs (pair TEXT PRIMARY KEY, words BLOB NOT NULL) WITHOUT ROWID;
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
        lengths = [len(text[column]) for text in words if text[column]]
        average = sum(lengths) / max(1, len(lengths)) or 1.0
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
    pairs: defaultdict[str, list[int]] = defaultdict(list)
    for place, word in enumerate(sorted(word for word in vocabulary if word.isalpha() and len(word) > 2)):
        database.execute(f"INSERT INTO {kind}_words VALUES (?, ?, ?)", (place, word, vocabulary[word]))  # noqa: S608
        for pair in set(bigrams(word)):
            pairs[pair].append(place)
    for pair in sorted(pairs):
        database.execute(
            f"INSERT INTO {kind}_pairs VALUES (?, ?)",  # noqa: S608
            (pair, np.asarray(pairs[pair], "<u4").tobytes()),
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
        neighbours = [word.lower() for word in _WORD.findall(question)][: 2 * MAX_WORDS]
        joined = [pair for pair in map("".join, pairwise(neighbours)) if len(pair) >= _MIN_LETTERS_TO_JOIN]
        known = self._among("words", "word", [*raw, *joined])
        doubtful = [word for word in raw if len(word) >= _MIN_LETTERS_TO_CORRECT and word.isalpha()]
        doubtful = [word for word in doubtful if word not in known]
        stems = self._among("terms", "term", [stem(word) for word in doubtful])
        corrections = {
            word: near
            for word in doubtful
            if stem(word) not in stems and (near := closest(word, self._similar(word))) is not None
        }
        words = [corrections.get(word, word) for word in raw]
        text = _WORD.sub(lambda match: corrections.get(match[0].lower(), match[0]), question)
        text = " ".join(spaced_words(word) if _NAME.search(word) else word for word in text.split())
        wanted = (*words, *(pair for pair in joined if pair in known))
        return Query(tuple(dict.fromkeys(map(stem, wanted))), corrections, text)

    def score(self, stems: Iterable[str]) -> Scores:
        """Return the score of every text, 0 for those that hold none of the words."""
        total = np.zeros(self._size, np.float32)
        rows = self._database.execute(
            f"SELECT numbers, scores FROM {self._kind}_terms"  # noqa: S608
            " WHERE term IN (SELECT value FROM json_each(?)) ORDER BY term",
            (orjson.dumps(list(stems)).decode(),),
        ).fetchall()
        for numbers, scores in rows:
            total[np.frombuffer(numbers, "<u4")] += np.frombuffer(scores, "<f4")
        return total

    def _among(self, table: str, column: str, values: Sequence[str]) -> set[str]:
        """Return those of the values that stand in a column. One query: each lets other threads in between."""
        if not values:
            return set()
        rows = self._database.execute(
            f"SELECT {column} FROM {self._kind}_{table} WHERE {column} IN (SELECT value FROM json_each(?))",  # noqa: S608
            (orjson.dumps(values).decode(),),
        ).fetchall()
        return {value for (value,) in rows}

    def _similar(self, word: str) -> list[tuple[str, int]]:
        """Return the words that may be within the number of edits that `closest` allows.

        An edit changes at most three of a word's pairs of letters, so that all others are shared (the filter of
        Ukkonen, "Approximate string-matching with q-grams and maximal matches", TCS 92, 1992).
        """
        pairs = set(bigrams(word))
        rows = self._database.execute(
            f"SELECT words FROM {self._kind}_pairs WHERE pair IN (SELECT value FROM json_each(?))",  # noqa: S608
            (orjson.dumps(sorted(pairs)).decode(),),
        ).fetchall()
        found = [np.frombuffer(words, "<u4") for (words,) in rows]
        if not found:
            return []
        shared = np.bincount(np.concatenate(found))
        near = np.flatnonzero(shared >= max(1, len(pairs) - 3 * edit_limit(word)))
        return self._database.execute(
            f"SELECT word, texts FROM {self._kind}_words WHERE id IN (SELECT value FROM json_each(?))"  # noqa: S608
            " AND length(word) BETWEEN ? AND ?",
            (orjson.dumps(near.tolist()).decode(), len(word) - edit_limit(word), len(word) + edit_limit(word)),
        ).fetchall()
