"""The index of vectors: what it costs, and how much it finds, by its parameters."""

import statistics
import time
from contextlib import closing
from typing import Any, NamedTuple

from ai_stack.local.postgres import ConnectionParameters
from bench.aidb_data import Chunks, Query
from bench.results import P50, SECONDS, Metric, Results

RECALL = Metric("recall@10", "share", "higher")
SIZE = Metric("size", "MiB", "lower")
EF_SEARCH = (40, 100, 200)
#: The project that filters keep.
PROJECT = 7


class Variant(NamedTuple):
    """An index: links per node, candidates while building, and by which distance.

    Vectors are of unit length, so that both distances put them in the same order.
    """

    m: int
    ef_construction: int
    operators: str = "vector_cosine_ops"
    distance: str = "<=>"

    def __str__(self) -> str:
        return f"m {self.m}, ef_construction {self.ef_construction}"


#: That of the migration.
DEFAULT = Variant(16, 64)
#: Measured one after the other, so that the default is there in the end.
VARIANTS = (Variant(8, 64), Variant(16, 128), DEFAULT)
#: That of the original AIDB: by Euclidean distance, at pgvector's own `ef_search`, and filtered by a join.
BEFORE = Variant(16, 64, "vector_l2_ops", "<->")
BEFORE_EF_SEARCH = 40

_NEAREST = """
    SELECT id FROM chunks WHERE embedding IS NOT NULL ORDER BY embedding {distance} %(vector)s::vector LIMIT 10"""

_NEAREST_OF_PROJECT = """
    SELECT c.id FROM chunks c JOIN documents d ON d.id = c.document_id WHERE d.project = %(project)s
    ORDER BY c.embedding {distance} %(vector)s::vector LIMIT 10"""


def build(database: ConnectionParameters, variant: Variant) -> tuple[float, float]:
    """Build the index anew; return seconds and MiB."""
    with closing(database.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("DROP INDEX IF EXISTS chunks_embedding")
        cursor.execute("SET maintenance_work_mem = '512MB'")
        began = time.perf_counter()
        cursor.execute(
            f"CREATE INDEX chunks_embedding ON chunks USING hnsw (embedding {variant.operators})"
            f" WITH (m = {variant.m}, ef_construction = {variant.ef_construction})"
        )
        seconds = time.perf_counter() - began
        cursor.execute("SELECT pg_relation_size('chunks_embedding') / 1048576.0")
        return seconds, float(cursor.fetchone()[0])


def ensure(database: ConnectionParameters) -> None:
    """Build the index of the migration, if there is none."""
    with closing(database.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('chunks_embedding') IS NULL")
        missing = cursor.fetchone()[0]
    if missing:
        build(database, DEFAULT)


def measure(
    name: str, variant: Variant, database: ConnectionParameters, chunks: Chunks, queries: list[Query], results: Results
) -> None:
    """Build the index with these parameters, and measure recall and time of bare nearest-neighbour queries."""
    workload, subject = f"index, {name}", str(variant)
    seconds, size = build(database, variant)
    results.add(workload, subject, SECONDS, seconds)
    results.add(workload, subject, SIZE, size)
    with closing(database.connect()) as connection, connection.cursor() as cursor:
        for ef_search in EF_SEARCH:
            cursor.execute(f"SET hnsw.ef_search = {ef_search}")
            searched = f"{subject}, ef_search {ef_search}"
            _search(cursor, _NEAREST.format(distance=variant.distance), chunks, queries, results, (workload, searched))


def measure_before(
    name: str, database: ConnectionParameters, chunks: Chunks, queries: list[Query], results: Results
) -> None:
    """Measure what there was before this project, over all chunks and in one project of a hundred.

    The planner must use the index, as it does where a project is too large to be sorted.
    """
    workload, subject = f"index, {name}", f"as before: {BEFORE}, ef_search {BEFORE_EF_SEARCH}, L2"
    seconds, size = build(database, BEFORE)
    results.add(workload, subject, SECONDS, seconds)
    results.add(workload, subject, SIZE, size)
    with closing(database.connect()) as connection, connection.cursor() as cursor:
        cursor.execute(f"SET hnsw.ef_search = {BEFORE_EF_SEARCH}; SET hnsw.iterative_scan = off; SET enable_sort = off")
        for statement, project, place in (
            (_NEAREST, None, (workload, subject)),
            (_NEAREST_OF_PROJECT, PROJECT, (workload, f"{subject}, a filter that keeps 1 %")),
        ):
            _search(cursor, statement.format(distance=BEFORE.distance), chunks, queries, results, place, project)


def _search(
    cursor: Any,
    statement: str,
    chunks: Chunks,
    queries: list[Query],
    results: Results,
    place: tuple[str, str],
    project: int | None = None,
) -> None:
    """Search for each query; record recall and time under a workload and a subject."""
    shares, times = [], []
    for query in queries:
        literal = "[" + ",".join(map(str, query.vector.tolist())) + "]"
        began = time.perf_counter()
        cursor.execute(statement, {"vector": literal, "project": f"p{project}"})
        found = {row[0] - 1 for row in cursor.fetchall()}
        times.append(time.perf_counter() - began)
        shares.append(len(found & chunks.nearest(query.vector, 10, project)) / 10)
    results.add(*place, RECALL, statistics.mean(shares))
    results.add(*place, P50, statistics.median(times) * 1000)
