"""Searches an index."""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from ai_stack.nixos_docs.excerpt import excerpt
from ai_stack.nixos_docs.opening import connect
from ai_stack.nixos_docs.words import bigrams, camel_phrases, closest, terms

# Words of a question that are looked for: far more than any question has, and few enough to be quick.
MAX_TERMS = 48

# Characters of a section that one result carries at most.
MAX_CONTENT = 4000

# Instructions of SQLite's virtual machine between two looks at the clock: well under a millisecond.
_CHECK_EVERY = 2000

_MIN_LETTERS_TO_CORRECT = 4
_CORRECTION_CANDIDATES = 100

# Weights in the order of the columns: path, title, heading, body, aliases.
_WEIGHTS = "2.0, 2.0, 2.0, 1.0, 0.5"

# How much the document as a whole counts beside the section.
_DOCUMENT_SHARE = 0.3

# bm25() is negative, better matches being smaller: https://www.sqlite.org/fts5.html#the_bm25_function
_SEARCH = f"""
WITH section AS MATERIALIZED (
    SELECT rowid AS id, -bm25(sections_text, {_WEIGHTS}) AS score FROM sections_text WHERE sections_text MATCH :match
), document AS MATERIALIZED (
    SELECT rowid AS id, -bm25(documents_text, {_WEIGHTS}) AS score FROM documents_text
    WHERE documents_text MATCH :match
), scored AS (
    SELECT s.id, s.document_id, section.score + {_DOCUMENT_SHARE} * coalesce(document.score, 0) AS relevance
    FROM section JOIN sections AS s ON s.id = section.id JOIN documents AS d ON d.id = s.document_id
    LEFT JOIN document ON document.id = s.document_id
    WHERE :sources IS NULL OR d.source IN (SELECT value FROM json_each(:sources))
), placed AS (
    SELECT id, relevance, row_number() OVER (PARTITION BY document_id ORDER BY relevance DESC, id) AS place,
        count(*) OVER () AS total
    FROM scored
)
SELECT d.source, d.path, d.title, s.heading, s.anchor, s.url, s.first_line, b.body, placed.relevance, placed.total
FROM placed JOIN sections AS s ON s.id = placed.id JOIN documents AS d ON d.id = s.document_id
JOIN bodies AS b ON b.section_id = s.id
ORDER BY placed.place > 1, placed.relevance DESC, s.id LIMIT :limit
"""  # noqa: S608 - constants


class SearchTimeout(Exception):
    """The search did not end in time, or nobody waits for it any more."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A section that was found. `relevance` is a BM25 sum: higher is better, comparable within one search only."""

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
    """The best hits, the number of sections that hold any of the words, and the words that were taken for others."""

    hits: tuple[Hit, ...]
    total: int
    corrections: dict[str, str]


class IndexReader:
    """One connection to an index file. To be used by one thread at a time.

    Raises:
        sqlite3.Error: from the constructor, when the file cannot be opened, and from any method, when it is damaged.
    """

    def __init__(self, path: Path) -> None:
        self._database = connect(path)

    def close(self) -> None:
        """Close the connection."""
        self._database.close()

    def probe(self) -> None:
        """Read a little, to see that the file still answers."""
        self._database.execute("SELECT rowid FROM sections_text LIMIT 1").fetchone()

    def search(
        self,
        question: str,
        *,
        limit: int,
        sources: Sequence[str] | None = None,
        expired: Callable[[], bool],
    ) -> SearchOutcome:
        """Find the sections that are most about a question.

        A section counts that has any of the question's words (Porter's stems of them), ranked by BM25 over its text,
        headings, title and path, plus a share of its document's own rank. The best section of each document comes
        first, then the others.

        Args:
            question: natural language, key words, an error message or an option's name; nothing in it is syntax.
            limit: most hits to return.
            sources: names of sources to search in; None for all.
            expired: asked again and again while the search runs; true ends it.

        Raises:
            SearchTimeout: `expired` said so.
        """
        if expired():
            raise SearchTimeout
        self._database.set_progress_handler(lambda: int(expired()), _CHECK_EVERY)
        try:
            wanted, corrections = self._corrected(terms(question)[:MAX_TERMS], expired)
            if not wanted:
                return SearchOutcome(hits=(), total=0, corrections={})
            rows = self._database.execute(
                _SEARCH,
                {
                    "match": _match_expression(wanted, question),
                    "limit": limit,
                    "sources": None if sources is None else orjson.dumps(list(sources)).decode(),
                },
            ).fetchall()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                raise SearchTimeout from None
            raise
        finally:
            self._database.set_progress_handler(None, 0)
        hits = []
        for source, path, title, heading, anchor, url, line, body, relevance, _total in rows:
            content = excerpt(body, wanted, MAX_CONTENT)
            hits.append(
                Hit(source, path, title, heading, anchor, url, line, content, len(content) < len(body), relevance)
            )
        return SearchOutcome(hits=tuple(hits), total=rows[0][-1] if rows else 0, corrections=corrections)

    def _corrected(self, words: Sequence[str], expired: Callable[[], bool]) -> tuple[list[str], dict[str, str]]:
        """Replace words that stand nowhere in the index by the nearest that do."""
        result = []
        corrections = {}
        for word in words:
            correction = None
            if len(word) >= _MIN_LETTERS_TO_CORRECT and word.isalpha() and not self._occurs(word):
                if expired():
                    raise SearchTimeout
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
