"""Searches an index."""

import contextlib
import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray

from ai_stack.nixos_docs.catalogue import Catalogue
from ai_stack.nixos_docs.excerpt import excerpt
from ai_stack.nixos_docs.fusion import fuse
from ai_stack.nixos_docs.opening import connect
from ai_stack.nixos_docs.options.reader import OptionReader
from ai_stack.nixos_docs.packages.reader import PackageReader
from ai_stack.nixos_docs.words import bigrams, camel_phrases, closest, terms

# Words of a question that are looked for: far more than any question has, and few enough to be quick.
MAX_TERMS = 48

# Characters of a section that one result carries at most.
MAX_CONTENT = 4000

# Instructions of SQLite's virtual machine between two looks at the clock: well under a millisecond.
_CHECK_EVERY = 2000

_WORD = re.compile(r"\w+")

_MIN_LETTERS_TO_CORRECT = 4
_CORRECTION_CANDIDATES = 100

# Weights in the order of the columns: path, title, heading, body, aliases.
_WEIGHTS = "2.0, 2.0, 2.0, 1.0, 0.5"

# How much the document as a whole counts beside the section.
_DOCUMENT_SHARE = 0.3

# Sections that are looked at beyond their rank; those behind have next to nothing of the question.
_CANDIDATES = 1000

# bm25() is negative, better matches being smaller: https://www.sqlite.org/fts5.html#the_bm25_function
_RANK = f"""
WITH section AS MATERIALIZED (
    SELECT rowid AS id, -bm25(sections_text, {_WEIGHTS}) AS score FROM sections_text WHERE sections_text MATCH :match
), document AS MATERIALIZED (
    SELECT rowid AS id, -bm25(documents_text, {_WEIGHTS}) AS score FROM documents_text
    WHERE documents_text MATCH :match
)
SELECT s.id, section.score + {_DOCUMENT_SHARE} * coalesce(document.score, 0) AS relevance, count(*) OVER () AS total
FROM section JOIN sections AS s ON s.id = section.id JOIN documents AS d ON d.id = s.document_id
LEFT JOIN document ON document.id = s.document_id
WHERE :sources IS NULL OR d.source IN (SELECT value FROM json_each(:sources))
ORDER BY relevance DESC, s.id LIMIT {_CANDIDATES}
"""  # noqa: S608 - constants

_DETAILS = """
SELECT d.source, d.path, d.title, s.heading, s.anchor, s.url, s.first_line, b.body
FROM sections AS s JOIN documents AS d ON d.id = s.document_id JOIN bodies AS b ON b.section_id = s.id WHERE s.id = ?
"""


class SearchTimeout(Exception):
    """The search did not end in time, or nobody waits for it any more."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A section that was found. `relevance`: higher is better, comparable within one search only."""

    source: str
    path: str
    title: str
    heading: str
    anchor: str
    url: str | None
    line: int
    content: str
    truncated: bool
    relevance: float


@dataclass(frozen=True, slots=True)
class SearchOutcome:
    """The best hits, the number of sections that were found, and the words that were taken for others."""

    hits: tuple[Hit, ...]
    total: int
    corrections: dict[str, str]


@dataclass(frozen=True, slots=True)
class DocsQuery:
    """A question made ready: words to look for, words that were taken for others, the text with these replaced."""

    words: tuple[str, ...]
    corrections: dict[str, str]
    text_to_embed: str


class IndexReader:
    """One connection to an index file. To be used by one thread at a time.

    Args:
        path: the index.
        catalogue: what its readers share.

    Raises:
        sqlite3.Error: from the constructor, when the file cannot be opened, and from any method, when it is damaged.
    """

    def __init__(self, path: Path, catalogue: Catalogue) -> None:
        self._database = connect(path)
        self._catalogue = catalogue
        self.options = OptionReader(self._database, catalogue)
        self.packages = PackageReader(self._database, catalogue)

    def close(self) -> None:
        """Close the connection."""
        self._database.close()

    def probe(self) -> None:
        """Read a little, to see that the file still answers."""
        self._database.execute("SELECT key FROM meta LIMIT 1").fetchone()
        self._database.execute("SELECT rowid FROM sections_text LIMIT 1").fetchone()

    @contextlib.contextmanager
    def until(self, expired: Callable[[], bool]) -> Iterator[None]:
        """End whatever runs in here with `SearchTimeout` when `expired` says so; it is asked again and again."""
        if expired():
            raise SearchTimeout
        self._database.set_progress_handler(lambda: int(expired()), _CHECK_EVERY)
        try:
            yield
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                raise SearchTimeout from None
            raise
        finally:
            self._database.set_progress_handler(None, 0)

    def prepare(self, question: str) -> DocsQuery:
        """Make a question ready: its words, those that stand nowhere in the index replaced by the nearest that do."""
        words, corrections = self._corrected(terms(question)[:MAX_TERMS])
        text = _WORD.sub(lambda match: corrections.get(match[0].lower(), match[0]), question)
        return DocsQuery(tuple(words), corrections, text)

    def search(
        self,
        question: str,
        *,
        limit: int,
        sources: Sequence[str] | None = None,
        similarity: NDArray[np.float32] | None = None,
        prepared: DocsQuery | None = None,
    ) -> SearchOutcome:
        """Find the sections that are most about a question.

        A section counts that has any of the question's words (Porter's stems of them), ranked by BM25 over its text,
        headings, title and path, plus a share of its document's own rank. With `similarity`, sections that mean the
        same count as well; how much, depends on whether the question is prose. The best section of each document comes
        first, then the others.

        Args:
            question: natural language, key words, an error message or an option's name; nothing in it is syntax.
            limit: most hits to return.
            sources: names of sources to search in; None for all.
            similarity: cosine of each section's vector with the question's, by place; None to go by words alone.
            prepared: the question from `prepare`, where that is at hand.

        Raises:
            SearchTimeout: within `until`, when the time is up.
        """
        prepared = prepared or self.prepare(question)
        wanted = prepared.words
        rows = self._rank(wanted, question, sources) if wanted else []
        places = np.fromiter((row[0] - 1 for row in rows), np.int64, len(rows))
        relevance = np.fromiter((row[1] for row in rows), np.float32, len(rows))
        total = rows[0][2] if rows else 0
        if similarity is not None:
            lexical = np.zeros(len(similarity), np.float32)
            lexical[places] = relevance
            allowed = self._allowed(sources)
            fused = fuse(question, lexical, similarity)
            fused[~allowed] = 0
            places = np.flatnonzero(fused)
            relevance = fused[places]
            total = max(total, len(places))
        chosen = self._best_of_documents_first(places, relevance, limit)
        hits = []
        for place in chosen:
            source, path, title, heading, anchor, url, line, body = self._database.execute(
                _DETAILS, (int(places[place]) + 1,)
            ).fetchone()
            content = excerpt(body, wanted, MAX_CONTENT)
            truncated = len(content) < len(body)
            hits.append(
                Hit(source, path, title, heading, anchor, url, line, content, truncated, float(relevance[place]))
            )
        return SearchOutcome(hits=tuple(hits), total=total, corrections=prepared.corrections)

    def _rank(
        self, wanted: Sequence[str], question: str, sources: Sequence[str] | None
    ) -> list[tuple[int, float, int]]:
        return self._database.execute(
            _RANK,
            {
                "match": _match_expression(wanted, question),
                "sources": None if sources is None else orjson.dumps(list(sources)).decode(),
            },
        ).fetchall()

    def _allowed(self, sources: Sequence[str] | None) -> NDArray[np.bool_]:
        catalogue = self._catalogue
        if sources is None:
            return np.ones(len(catalogue.section_sources), np.bool_)
        wanted = [place for place, name in enumerate(catalogue.sources) if name in sources]
        return np.isin(catalogue.section_sources, wanted)

    def _best_of_documents_first(
        self, places: NDArray[np.int64], relevance: NDArray[np.float32], limit: int
    ) -> list[int]:
        """Return indices into `places`: the best section of each document by relevance, then all others."""
        first: list[int] = []
        others: list[int] = []
        seen: set[int] = set()
        for index in np.lexsort((places, -relevance)):
            document = int(self._catalogue.section_documents[places[index]])
            (others if document in seen else first).append(int(index))
            seen.add(document)
            if len(first) >= limit:
                break
        return [*first, *others][:limit]

    def _corrected(self, words: Sequence[str]) -> tuple[list[str], dict[str, str]]:
        """Replace words that stand nowhere in the index by the nearest that do."""
        result = []
        corrections = {}
        for word in words:
            correction = None
            if len(word) >= _MIN_LETTERS_TO_CORRECT and word.isalpha() and not self._occurs(word):
                correction = closest(word, self._similar(word))
            if correction:
                corrections[word] = correction
            result.append(correction or word)
        return list(dict.fromkeys(result)), corrections

    def _occurs(self, word: str) -> bool:
        found = self._database.execute(
            "SELECT 1 FROM sections_text WHERE sections_text MATCH ? LIMIT 1", (_quoted(word),)
        ).fetchone()
        return found is not None

    def _similar(self, word: str) -> list[tuple[str, int]]:
        pairs = " OR ".join(_quoted(pair) for pair in dict.fromkeys(bigrams(word)))
        return self._database.execute(
            "SELECT word, sections FROM words_bigrams JOIN words ON words.id = words_bigrams.rowid"
            " WHERE words_bigrams MATCH ? ORDER BY rank LIMIT ?",
            (pairs, _CORRECTION_CANDIDATES),
        ).fetchall()


def _match_expression(words: Sequence[str], question: str) -> str:
    """Return the full-text query: any of the words, or the parts of a mixed-case word in a row."""
    phrases = [_quoted(word) for word in words]
    phrases.extend(_quoted(" ".join(parts)) for parts in camel_phrases(question))
    return " OR ".join(dict.fromkeys(phrases[: 2 * MAX_TERMS]))


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
