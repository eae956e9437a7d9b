"""The SQL of searches.

Keywords: a chunk's score is that of BM25 (S. Robertson and H. Zaragoza, "The Probabilistic Relevance Framework", 2009)
for the chunk, plus a share of that for its document, put together from its chunks. Words of the path count as if they
stood in the chunk. How often a word occurs is read off `ts_rank`, which PostgreSQL computes without unpacking the
vector of words: with equal weights it is 6/pi^2 * (1 + 1/4 + ... + 1/n^2) for n occurrences (tsrank.c, "calc_rank_or"),
and the sum up to infinity lacks about 1/(n + 1/2) then.

Fusion: the weighted sum of both scores, each divided by its largest (S. Bruch, S. Gai and A. Ingber, "An Analysis of
Fusion Functions for Hybrid Retrieval", ACM TOIS 42(1), 2023).

The planner cannot know how many rows a query built at run time matches. So nothing here leaves it a choice that could
be wrong: lists are materialized, rows are fetched by arrays of ids, and lists are put together in windows, not joined.
"""

# ruff: noqa: S608 - statements are made of constants; values are parameters

from ai_stack.aidb.filters import Filters

#: Results that each list brings into the fusion. A constant, so that pages of one query fit together.
DEPTH = 100
#: Chunks that are ranked by keywords at most; the rarer words decide which.
MOST_RANKED = 1000
#: Of so many words that are too common to decide alone, two in one chunk may.
PAIRED = 8
#: How many times as often as by chance two words of one question come together.
TOGETHER = 2
#: Where a filter leaves no more chunks than this, all are compared: that is exact, and faster than the index.
FEW_ALLOWED = 2000

#: How fast further occurrences of a word lose weight, and how much longer texts must have more of them: see BM25.
K1 = 1.2
B = 0.5
#: What a word in the path is worth, in occurrences.
PATH_OCCURRENCES = 2
#: How much the document as a whole counts beside the chunk.
DOCUMENT_SHARE = 0.6
#: How much the keywords count in a hybrid search; the rest is meaning.
KEYWORD_SHARE = 0.6


def by_vector(filters: Filters, *, constrained: bool) -> str:
    """Return the statement that lists the chunks nearest to `vector`, `depth` of them."""
    return f"""
        WITH {_allowed(filters, constrained)} {_nearest(filters, constrained, "%(depth)s")},
        scored AS MATERIALIZED (
            SELECT id, 1 - distance AS score, NULL::float8 AS keyword_score, distance FROM nearest)
        {_PAGE}"""


def by_rank(filters: Filters, *, constrained: bool, with_vector: bool) -> str:
    """Return the statement of a keyword search, or of a hybrid one.

    Args:
        filters: which documents it is about.
        constrained: chunks must match `constraint`.
        with_vector: look for the neighbours of `vector`, too.
    """
    nearest = f"{_nearest(filters, constrained, str(DEPTH))}," if with_vector else ""
    fused = _FUSED if with_vector else _KEYWORDS_ALONE
    return f"""
        WITH {_allowed(filters, constrained)} {nearest}
        wanted AS MATERIALIZED (
            SELECT number, query::tsquery, weight
            FROM unnest(%(queries)s::text[], %(weights)s::float8[]) WITH ORDINALITY AS word (query, weight, number)),
        {_matching(filters, constrained)},
        occurrences AS MATERIALIZED (
            SELECT c.id, c.document_id, w.number, w.weight,
                CASE WHEN c.tsv @@ w.query
                    THEN 6 / pi() ^ 2 / (1 - ts_rank('{{1,1,1,1}}', c.tsv, w.query)) - 0.5 ELSE 0 END AS occurrences,
                CASE WHEN d.path_words @@ w.query THEN {PATH_OCCURRENCES} ELSE 0 END AS in_path,
                {1 - B} + {B} * c.char_count / %(chunk_length)s AS length,
                {1 - B} + {B} * d.size_bytes / %(document_length)s AS document_length
            FROM chunks c JOIN documents d ON d.id = c.document_id
                JOIN wanted w ON c.tsv @@ w.query OR d.path_words @@ w.query
            WHERE c.id = ANY(ARRAY(
                SELECT id FROM matching {"UNION SELECT id FROM nearest" if with_vector else ""}))),
        chunk_scores AS MATERIALIZED (
            SELECT id, document_id, sum(weight * (1 - {K1} / ({K1} + occurrences / length + in_path))) AS score
            FROM occurrences GROUP BY id, document_id),
        document_scores AS MATERIALIZED (
            SELECT document_id, sum(weight * (1 - {K1} / ({K1} + occurrences / length + in_path))) AS score
            FROM (SELECT document_id, number, weight, sum(occurrences) AS occurrences, max(in_path) AS in_path,
                      max(document_length) AS length
                  FROM occurrences GROUP BY document_id, number, weight) AS occurrences
            GROUP BY document_id),
        keywords AS MATERIALIZED (
            SELECT id, score FROM (
                SELECT id, own + {DOCUMENT_SHARE} * max(whole) OVER (PARTITION BY document_id) AS score
                FROM (SELECT id, document_id, score AS own, NULL AS whole FROM chunk_scores
                      UNION ALL SELECT NULL, document_id, NULL, score FROM document_scores) AS scores) AS scores
            WHERE id IS NOT NULL),
        {fused}
        {_PAGE}"""


def _few(filters: Filters, constrained: bool) -> str:
    """Whether the filter leaves only a few chunks, as SQL."""
    return f"(SELECT count(*) FROM allowed) <= {FEW_ALLOWED}" if filters.selective or constrained else "false"


def _allowed(filters: Filters, constrained: bool) -> str:
    """All chunks that the filter leaves, or more than a few of them."""
    if not (filters.selective or constrained):
        return ""
    if constrained:
        return f"""
        allowed AS MATERIALIZED (
            SELECT c.id FROM documents d JOIN chunks c ON c.document_id = d.id
            WHERE {filters.condition()} {_CONSTRAINT} LIMIT {FEW_ALLOWED + 1}),"""
    # From the documents to their chunks: a join would be free to read all chunks.
    return f"""
        allowed AS MATERIALIZED (
            SELECT c.id FROM documents d, LATERAL (SELECT c.id FROM chunks c WHERE c.document_id = d.id OFFSET 0) AS c
            WHERE {filters.condition()}
            {_along_an_index(filters)} LIMIT {FEW_ALLOWED + 1}),"""


def _along_an_index(filters: Filters) -> str:
    """The order of an index, where content type or status is all that is asked.

    Read along it, the first rows are found at once. Without, a value that many share is looked for from the beginning
    of the table, however far from there the first document with it is.
    """
    if filters == Filters(statuses=filters.statuses):
        return "ORDER BY d.status"
    if filters == Filters(content_types=filters.content_types, statuses=filters.statuses):
        return "ORDER BY d.content_type"
    return ""


def _document(filters: Filters, constrained: bool) -> str:
    """What a chunk `c` is joined with to see whether the filter leaves it, one by one."""
    constraint = _CONSTRAINT if constrained else ""
    return f"""LATERAL (
                SELECT FROM documents d WHERE d.id = c.document_id AND {filters.condition()} {constraint} OFFSET 0
            ) AS document"""


def _nearest(filters: Filters, constrained: bool, depth: str) -> str:
    few = _few(filters, constrained)
    exactly = f"""
             UNION ALL
            (SELECT c.id, c.embedding <=> %(vector)s::vector AS distance FROM chunks c
             WHERE {few} AND c.id = ANY(ARRAY(SELECT id FROM allowed)) AND c.embedding IS NOT NULL
             ORDER BY (c.embedding <=> %(vector)s::vector) + 0, c.id LIMIT {depth})"""
    return f"""
        nearest AS MATERIALIZED (
            (SELECT c.id, c.embedding <=> %(vector)s::vector AS distance
             FROM chunks c, {_document(filters, constrained)}
             WHERE NOT {few} AND c.embedding IS NOT NULL
             ORDER BY c.embedding <=> %(vector)s::vector LIMIT {depth})
            {"" if few == "false" else exactly})"""


def _matching(filters: Filters, constrained: bool) -> str:
    """Which chunks are ranked by keywords."""
    few, document = _few(filters, constrained), _document(filters, constrained)
    all_allowed = f"""
             UNION
            (SELECT c.id FROM chunks c
             WHERE {few} AND c.id = ANY(ARRAY(SELECT id FROM allowed)) AND c.tsv @@ %(marked)s::tsquery)"""
    return f"""
        matching AS MATERIALIZED (
            (SELECT c.id FROM chunks c, {document}
             WHERE NOT {few} AND c.tsv @@ %(decisive)s::tsquery LIMIT {MOST_RANKED})
             UNION
            (SELECT c.id FROM documents named JOIN chunks c ON c.document_id = named.id AND c.position = 0, {document}
             WHERE named.path_words @@ %(decisive)s::tsquery LIMIT {DEPTH})
            {"" if few == "false" else all_allowed})"""


_CONSTRAINT = "AND c.tsv @@ %(constraint)s::tsquery"

_KEYWORDS_ALONE = f"""
        scored AS MATERIALIZED (
            SELECT id, score / max(score) OVER () AS score, score AS keyword_score, NULL::float8 AS distance
            FROM keywords ORDER BY score DESC, id LIMIT {DEPTH})"""

_FUSED = f"""
        listed AS MATERIALIZED (
            SELECT id FROM nearest UNION (SELECT id FROM keywords ORDER BY score DESC, id LIMIT {DEPTH})),
        measured AS MATERIALIZED (
            SELECT l.id, coalesce(k.score, 0) AS keyword_score,
                coalesce(n.distance, c.embedding <=> %(vector)s::vector) AS distance
            FROM listed l LEFT JOIN keywords k ON k.id = l.id LEFT JOIN nearest n ON n.id = l.id
                LEFT JOIN chunks c ON c.id = l.id AND n.id IS NULL),
        scored AS MATERIALIZED (
            SELECT id, keyword_score, distance,
                {KEYWORD_SHARE} * coalesce(keyword_score / nullif(max(keyword_score) OVER (), 0), 0)
                + {1 - KEYWORD_SHARE} * coalesce(
                    greatest(1 - distance, 0) / nullif(max(greatest(1 - distance, 0)) OVER (), 0), 0) AS score
            FROM measured)"""

# The total comes with every row, and alone when the page is empty. The bound is for scores as they are answered.
_PAGE = """,
        counted AS MATERIALIZED (
            SELECT *, CASE WHEN keyword_score > 0 THEN rank() OVER (ORDER BY keyword_score DESC NULLS LAST) END
                    AS keyword_rank,
                CASE WHEN distance IS NOT NULL THEN rank() OVER (ORDER BY distance) END AS vector_rank
            FROM scored WHERE %(min_score)s IS NULL OR round(score::numeric, 6) >= %(min_score)s),
        page AS MATERIALIZED (SELECT * FROM counted ORDER BY score DESC, id OFFSET %(offset)s LIMIT %(limit)s),
        total AS (SELECT count(*) AS chunks FROM counted)
        SELECT total.chunks, c.id, c.document_id, c.position, c.heading, c.content, page.score, page.distance,
            d.project, d.path, d.title, d.metadata, page.keyword_rank, page.keyword_score, page.vector_rank,
            ts_headline('english', aidb_words(c.content), %(marked)s::tsquery,
                'HighlightAll=true,StartSel="\x02",StopSel="\x03"')
        FROM total
        LEFT JOIN (page JOIN chunks c ON c.id = page.id JOIN documents d ON d.id = c.document_id) ON true
        ORDER BY page.score DESC, c.id"""
