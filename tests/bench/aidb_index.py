"""The index of vectors: what it costs, and how much it finds, by its parameters."""

import statistics
import time
from typing import NamedTuple

from ai_stack.local.postgres import ConnectionParameters
from bench.aidb_data import Chunks, Query
from bench.results import P50, SECONDS, Metric, Results

RECALL = Metric("recall@10", "share", "higher")
SIZE = Metric("size", "MiB", "lower")
EF_SEARCH = (40, 100, 200)


class Variant(NamedTuple):
    """Parameters of HNSW: links per node, and candidates while building."""

    m: int
    ef_construction: int


#: That of the migration.
DEFAULT = Variant(16, 64)
VARIANTS = (Variant(8, 64), DEFAULT, Variant(16, 128))

_NEAREST = """
    SELECT id FROM chunks WHERE embedding IS NOT NULL ORDER BY embedding <=> %(vector)s::vector LIMIT 10"""


def build(database: ConnectionParameters, variant: Variant) -> tuple[float, float]:
    """Build the index anew; return seconds and MiB."""
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("DROP INDEX IF EXISTS chunks_embedding")
        cursor.execute("SET maintenance_work_mem = '512MB'")
        began = time.perf_counter()
        cursor.execute(
            "CREATE INDEX chunks_embedding ON chunks USING hnsw (embedding vector_cosine_ops)"
            f" WITH (m = {variant.m}, ef_construction = {variant.ef_construction})"
        )
        seconds = time.perf_counter() - began
        cursor.execute("SELECT pg_relation_size('chunks_embedding') / 1048576.0")
        return seconds, float(cursor.fetchone()[0])


def measure(
    name: str, variant: Variant, database: ConnectionParameters, chunks: Chunks, queries: list[Query], results: Results
) -> None:
    """Build the index with these parameters, and measure recall and time of bare nearest-neighbour queries."""
    workload, subject = f"index, {name}", f"m {variant.m}, ef_construction {variant.ef_construction}"
    seconds, size = build(database, variant)
    results.add(workload, subject, SECONDS, seconds)
    results.add(workload, subject, SIZE, size)
    with database.connect() as connection, connection.cursor() as cursor:
        for ef_search in EF_SEARCH:
            cursor.execute(f"SET hnsw.ef_search = {ef_search}")
            shares, times = [], []
            for query in queries:
                literal = "[" + ",".join(map(str, query.vector.tolist())) + "]"
                began = time.perf_counter()
                cursor.execute(_NEAREST, {"vector": literal})
                found = {row[0] - 1 for row in cursor.fetchall()}
                times.append(time.perf_counter() - began)
                shares.append(len(found & chunks.nearest(query.vector, 10)) / 10)
            searched = f"{subject}, ef_search {ef_search}"
            results.add(workload, searched, RECALL, statistics.mean(shares))
            results.add(workload, searched, P50, statistics.median(times) * 1000)
