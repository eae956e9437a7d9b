"""Search over chunks: by vector, by keywords, and by both fused.

Keywords: any word of the query may match, and a chunk's score is the sum over its words of (how rare the word is) x
(how much of the chunk it is, headings counting twice). That is the shape of BM25 (S. Robertson and H. Zaragoza, "The
Probabilistic Relevance Framework", 2009) with PostgreSQL's `ts_rank` as the saturating term frequency; `ts_rank` alone
does not know that some words are rarer than others.

Fusion: reciprocal rank fusion with k = 60 (G. Cormack, C. Clarke, S. Buettcher, SIGIR 2009), all in one statement.
"""

from dataclasses import dataclass
from typing import Any

from ai_stack.aidb.database import Database
from ai_stack.aidb.vectors import Vectors, to_literal

#: Results that each list brings into the fusion. A constant, so that pages of one query fit together.
DEPTH = 200
RRF_K = 60
#: Different words of a query that count; what is beyond is no query but a document.
MAX_LEXEMES = 64


@dataclass(frozen=True, slots=True)
class Hit:
    """One chunk that was found.

    Attributes:
        score: cosine similarity of a vector search; otherwise the fused rank, scaled so that 1 is first in every list.
        distance: cosine distance to the query's vector; None without one.
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


@dataclass(frozen=True, slots=True)
class Page:
    """Part of a result: `hits` from an offset on, of `total` altogether."""

    hits: list[Hit]
    total: int


class ChunkSearch:
    """Finds chunks. All methods raise `DependencyError` when PostgreSQL fails."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def by_vector(
        self, vector: Vectors, *, project: str | None, limit: int, offset: int, min_score: float | None
    ) -> Page:
        """Return the chunks nearest to a vector by cosine distance.

        Args:
            vector: of shape (DIMENSION,).
            project: only chunks of this project.
            limit: chunks on the page.
            offset: chunks before the page.
            min_score: least cosine similarity; None for no bound.
        """
        statement = _by_vector(project is not None, min_score is not None)
        parameters = {
            "vector": to_literal(vector),
            "project": project,
            "limit": limit,
            "offset": offset,
            "depth": offset + limit,
            "max_distance": None if min_score is None else 1.0 - min_score,
        }
        return await self._page(statement, parameters)

    async def by_rank(
        self, query: str | None, vector: Vectors | None, *, project: str | None, limit: int, offset: int
    ) -> Page:
        """Return chunks by the fused ranks of keyword search (with `query`) and vector search (with `vector`).

        `total` counts the chunks in the fused list, which holds at most `DEPTH` from each search.
        """
        statement = _by_rank(query is not None, vector is not None, project is not None)
        parameters = {
            "query": query,
            "vector": None if vector is None else to_literal(vector),
            "project": project,
            "limit": limit,
            "offset": offset,
            "depth": DEPTH,
        }
        return await self._page(statement, parameters)

    async def _page(self, statement: str, parameters: dict[str, Any]) -> Page:
        rows = await self._database.fetch(statement, parameters)
        return Page([Hit(*row[1:]) for row in rows if row[1] is not None], rows[0][0])


def _by_vector(in_project: bool, with_bound: bool) -> str:
    bound = "AND c.embedding <=> %(vector)s::vector <= %(max_distance)s" if with_bound else ""
    return f"""
        WITH ranked AS MATERIALIZED ({_nearest(in_project)}),
        page AS (SELECT id, distance, 1 - distance AS score FROM ranked
                 {"WHERE distance <= %(max_distance)s" if with_bound else ""}
                 ORDER BY distance, id OFFSET %(offset)s LIMIT %(limit)s),
        total AS (SELECT count(*) AS chunks FROM chunks c {_join(in_project)}
                  WHERE c.embedding IS NOT NULL {_where(in_project)} {bound})
        {_SELECT_PAGE}"""  # noqa: S608 - made of constants


def _by_rank(with_query: bool, with_vector: bool, in_project: bool) -> str:
    lists, ranks = [], []
    if with_vector:
        lists.append(f"nearest AS MATERIALIZED ({_nearest(in_project)})")
        ranks.append("SELECT id, row_number() OVER (ORDER BY distance, id) AS rank FROM nearest")
    if with_query:
        lists.append(_KEYWORD_LISTS.format(join=_join(in_project), where=_where(in_project)))
        ranks.append("SELECT id, row_number() OVER (ORDER BY score DESC, id) AS rank FROM matching")
    best = len(ranks) / (RRF_K + 1)
    distance = "c.embedding <=> %(vector)s::vector" if with_vector else "NULL::float8"
    return f"""
        WITH {", ".join(lists)},
        fused AS MATERIALIZED (
            SELECT id, sum(1.0 / ({RRF_K} + rank)) / {best} AS score
            FROM ({" UNION ALL ".join(ranks)}) AS ranks GROUP BY id),
        page AS (SELECT f.id, {distance} AS distance, f.score::float8 AS score
                 FROM fused f JOIN chunks c ON c.id = f.id
                 ORDER BY f.score DESC, f.id OFFSET %(offset)s LIMIT %(limit)s),
        total AS (SELECT count(*) AS chunks FROM fused)
        {_SELECT_PAGE}"""  # noqa: S608


def _join(in_project: bool) -> str:
    return "JOIN documents d ON d.id = c.document_id" if in_project else ""


def _where(in_project: bool) -> str:
    return "AND d.project = %(project)s" if in_project else ""


def _nearest(in_project: bool) -> str:
    return f"""
        SELECT c.id, c.embedding <=> %(vector)s::vector AS distance FROM chunks c {_join(in_project)}
        WHERE c.embedding IS NOT NULL {_where(in_project)}
        ORDER BY c.embedding <=> %(vector)s::vector LIMIT %(depth)s"""  # noqa: S608


# The total comes with every row, and alone when the page is empty.
_SELECT_PAGE = """
    SELECT total.chunks, c.id, c.document_id, c.position, c.heading, c.content, page.score, page.distance,
           d.project, d.path, d.title, d.metadata
    FROM total
    LEFT JOIN (page JOIN chunks c ON c.id = page.id JOIN documents d ON d.id = c.document_id) ON true
    ORDER BY page.score DESC, c.id"""

# Weights are those of the labels D, C, B, A: text and headings, as set in the migration. The planner cannot know how
# many rows a query built at run time matches, and expects one. So nothing here leaves it a choice that could be wrong:
# the number of chunks is a scalar, computed once, and what is counted per word is counted in a window, not joined.
_KEYWORD_LISTS = f"""
    lexemes AS MATERIALIZED (
        SELECT lexeme, ('''' || replace(replace(lexeme, '\\', '\\\\'), '''', '''''') || '''')::tsquery AS query
        FROM unnest(to_tsvector('english', aidb_words(%(query)s))) LIMIT {MAX_LEXEMES}),
    candidates AS MATERIALIZED (
        SELECT c.id, c.tsv FROM chunks c {{join}}
        WHERE c.tsv @@ (SELECT string_agg(query::text, ' | ')::tsquery FROM lexemes) {{where}}),
    occurrences AS MATERIALIZED (
        SELECT c.id, ts_rank('{{{{0.5,0.5,0.5,1}}}}', c.tsv, l.query) AS weight,
            (count(*) OVER (PARTITION BY l.lexeme))::float8 AS chunks
        FROM candidates c JOIN lexemes l ON c.tsv @@ l.query),
    matching AS (
        SELECT id, sum(weight * ln(1 + ((SELECT count(*) FROM chunks) - chunks + 0.5) / (chunks + 0.5))) AS score
        FROM occurrences GROUP BY id ORDER BY score DESC, id LIMIT %(depth)s)"""  # noqa: S608
