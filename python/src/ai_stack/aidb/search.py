"""Search over chunks: by vector, by keywords, and by both fused. The SQL is in `statements`."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from ai_stack.aidb import statements
from ai_stack.aidb.database import Database
from ai_stack.aidb.filters import Filters
from ai_stack.aidb.lexicon import Wanted, Word
from ai_stack.aidb.statements import DEPTH, MOST_RANKED, PAIRED, TOGETHER
from ai_stack.aidb.vectors import Vectors, to_literal

_MARKED = re.compile("\x02([^\x02\x03]*)\x03")


@dataclass(frozen=True, slots=True)
class Hit:
    """One chunk that was found.

    Attributes:
        score: cosine similarity of a vector search; otherwise from 0 to 1, 1 for what is best in every list.
        distance: cosine distance to the query's vector; None without one.
        keyword_rank: place in the list by keywords; None when it has none of them.
        keyword_score: BM25 of the chunk and its document; None when it was not asked for.
        vector_rank: place in the list by distance; None without one.
        highlights: (start, end) of the words in `content` that the query looks for, in characters.
    """

    id: int
    document_id: int
    position: int
    heading: str
    content: str
    score: float
    distance: float | None
    project: str
    path: str
    title: str
    metadata: dict[str, Any]
    keyword_rank: int | None
    keyword_score: float | None
    vector_rank: int | None
    highlights: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Page:
    """Part of a result: `hits` from an offset on, of `total` altogether."""

    hits: list[Hit]
    total: int


@dataclass(frozen=True, slots=True)
class Range:
    """Which part of a result is wanted.

    Attributes:
        limit: chunks on the page.
        offset: chunks before the page.
        min_score: least score; None for no bound.
    """

    limit: int
    offset: int = 0
    min_score: float | None = None


class ChunkSearch:
    """Finds chunks. All methods raise `DependencyError` when PostgreSQL fails."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def by_vector(
        self, vector: Vectors, wanted: Wanted | None, filters: Filters, part: Range, *, constraint: str | None = None
    ) -> Page:
        """Return the chunks nearest to a vector by cosine distance.

        `total` counts no further than `DEPTH` chunks, or one behind the page where that is more.

        Args:
            vector: of shape (DIMENSION,).
            wanted: words to highlight.
            filters: which documents are searched.
            part: which part of the result is wanted.
            constraint: a tsquery that chunks must match.
        """
        statement = statements.by_vector(filters, constrained=constraint is not None)
        parameters = {
            "vector": to_literal(vector),
            "depth": max(DEPTH, part.offset + part.limit + 1),
            "constraint": constraint,
        }
        return await self._page(statement, parameters, filters, part, wanted)

    async def by_rank(
        self, wanted: Wanted, vector: Vectors | None, filters: Filters, part: Range, *, constraint: str | None = None
    ) -> Page:
        """Return chunks by keywords, or by keywords and (with `vector`) meaning.

        `total` counts the list, which holds at most `DEPTH` chunks by keywords and as many by meaning.

        Args: as `by_vector`.
        """
        statement = statements.by_rank(filters, constrained=constraint is not None, with_vector=vector is not None)
        parameters = {
            "vector": None if vector is None else to_literal(vector),
            "queries": [_quoted(word.lexeme) for word in wanted.words],
            "weights": [word.weight for word in wanted.words],
            "chunk_length": wanted.chunk_length,
            "document_length": wanted.document_length,
            "constraint": constraint,
            "decisive": decisive(wanted),
        }
        return await self._page(statement, parameters, filters, part, wanted)

    async def constraint(self, query: str) -> str:
        """Return a query in the syntax of web search engines as a tsquery: "a phrase", -without, or."""
        # Identifiers are cut into their parts, as in the index; a sign before a word stays.
        apart = re.sub(r"(?<=\w)[./_:=@#<>-]+(?=\w)", " ", query)
        rows = await self._database.fetch("SELECT websearch_to_tsquery('english', %s)::text", (apart,))
        constraint: str = rows[0][0]
        return constraint

    async def _page(
        self, statement: str, parameters: dict[str, Any], filters: Filters, part: Range, wanted: Wanted | None
    ) -> Page:
        rows = await self._database.fetch(
            statement,
            {
                **parameters,
                **filters.parameters(),
                "limit": part.limit,
                "offset": part.offset,
                "min_score": part.min_score,
                "marked": _any_of([word.lexeme for word in wanted.words] if wanted else []),
            },
        )
        hits = [Hit(*(*row[1:-1], _highlights(row[5], row[-1]))) for row in rows if row[1] is not None]
        return Page(hits, rows[0][0])


def decisive(wanted: Wanted, most: int = MOST_RANKED) -> str:
    """Return the tsquery that chooses the chunks to be ranked, about `most` of them however many there are.

    The rarer words choose, as many as together are in no more than `most` chunks. Of the others, two in one chunk
    do, the rarest pairs first, while there is room. Where not even one pair is rare enough, more must come together.
    """
    alternatives: list[tuple[Word, ...]] = []
    room = float(most)
    words = list(wanted.words)
    while words and words[0].chunks <= room:
        room -= words[0].chunks
        alternatives.append((words.pop(0),))
    for pair in sorted(combinations(words[:PAIRED], 2), key=lambda pair: _expected(pair, wanted.chunks)):
        room -= _expected(pair, wanted.chunks)
        if room < 0:
            break
        alternatives.append(pair)
    if words and not alternatives:
        fewest = (count for count in range(1, len(words)) if _expected(words[:count], wanted.chunks) <= most)
        alternatives.append(tuple(words[: next(fewest, len(words))]))
    return " | ".join("(" + " & ".join(_quoted(word.lexeme) for word in each) + ")" for each in alternatives)


def _expected(words: Sequence[Word], chunks: int) -> float:
    """About how many of all chunks have all of these words, which belong to one question."""
    return TOGETHER * chunks * math.prod(word.chunks / max(chunks, 1) for word in words)


def _any_of(lexemes: Sequence[str]) -> str:
    return " | ".join(map(_quoted, lexemes))


def _quoted(lexeme: str) -> str:
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"


def _highlights(content: str, marked: str) -> tuple[tuple[int, int], ...]:
    """Return where the marks of `ts_headline` are, as places in `content`."""
    if len(marked) - marked.count("\x02") - marked.count("\x03") != len(content):
        return ()
    # Each mark before a word moves it by one, and so does the end of each word before.
    return tuple(
        (match.start() - 2 * number, match.end() - 2 * number - 2)
        for number, match in enumerate(_MARKED.finditer(marked))
    )
