"""How much of what is stored PostgreSQL reads for a filter."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from ai_stack.aidb import statements
from ai_stack.aidb.filters import Filters
from ai_stack.aidb.migrate import migrate
from ai_stack.local.postgres import ConnectionParameters

from .test_documents import rows
from .test_migrations import ALL, connected

#: The migration that this is about.
VERSION = 6
DOCUMENTS = 20_000
RARE = 5

FILL = f"""
    INSERT INTO documents (project, path, title, content_type, status, content_hash, size_bytes, metadata, content)
    SELECT 'p', n::text, 't',
        CASE WHEN n % {DOCUMENTS // RARE} = 0 THEN 'text/x-rst' WHEN n > {DOCUMENTS} * 0.85 THEN 'text/plain'
            ELSE 'text/markdown' END,
        CASE WHEN n % {DOCUMENTS // RARE} = 1 THEN 'pending' ELSE 'approved' END,
        decode(repeat('00', 32), 'hex'), 1, '{{}}', 'zebra'
    FROM generate_series(1, {DOCUMENTS}) AS n;
    INSERT INTO chunks (document_id, position, heading, content, content_hash, token_count, char_count)
    SELECT id, 0, 't', 'zebra', content_hash, 1, 5 FROM documents;"""


async def filled(store: ConnectionParameters) -> None:
    async with connected(store) as connection:
        await migrate(connection, ALL)
        await connection.fetch(FILL)
        await connection.fetch("VACUUM ANALYZE documents")
        await connection.fetch("VACUUM ANALYZE chunks")


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The nodes of a plan, as EXPLAIN writes them."""
    yield plan
    for inner in plan.get("Plans", []):
        yield from nodes(inner)


def rows_read(plan: dict[str, Any]) -> float:
    """The rows of tables that were looked at, those that a filter then took away included."""
    tables = [node for node in nodes(plan) if "Relation Name" in node]
    return sum(
        float((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]) for node in tables
    )


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (Filters(content_types=("text/x-rst",)), RARE),
        (Filters(content_types=("text/x-rst", "application/pdf")), RARE),
        (Filters(statuses=("pending",)), RARE),
        (Filters(statuses=("pending", "rejected")), RARE),
        (Filters(content_types=("text/x-rst",), statuses=("pending",)), 0),
        # Where none of them is among the first rows of the tables.
        (Filters(content_types=("text/plain",)), statements.FEW_ALLOWED + 1),
        (Filters(content_types=("text/markdown",)), statements.FEW_ALLOWED + 1),
    ],
    ids=str,
)
async def test_a_filter_by_content_type_or_status_reads_what_it_leaves(
    store: ConnectionParameters, filters: Filters, found: int
) -> None:
    await filled(store)
    statement = statements.by_rank(filters, constrained=False, with_vector=False)
    parameters = {
        "queries": ["'zebra'"],
        "weights": [1.0],
        "chunk_length": 400,
        "document_length": 4000,
        "decisive": "'none'",
        "marked": "'zebra'",
        "limit": 10,
        "offset": 0,
        "min_score": None,
        **filters.parameters(),
    }
    async with connected(store) as connection:
        ((plan,),) = await connection.fetch(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters)
    (allowed,) = [node for node in nodes(plan[0]["Plan"]) if node.get("Subplan Name") == "CTE allowed"]
    assert allowed["Actual Rows"] == found
    # Documents and chunks of what is allowed, and those again that are ranked.
    assert rows_read(plan[0]["Plan"]) <= 3 * found + 50, plan


async def test_the_indexes_go_and_come_with_their_version_and_the_documents_stay(store: ConnectionParameters) -> None:
    indexes = "SELECT indexname FROM pg_indexes WHERE indexname IN ('documents_content_type', 'documents_status_id')"
    count = "SELECT count(*) FROM documents"
    await filled(store)
    async with connected(store) as connection:
        for target, made in ((VERSION - 1, 0), (VERSION, 2)):
            await migrate(connection, ALL, target=target)
            assert len(await connection.fetch(indexes)) == made
            assert await connection.fetch(count) == [(DOCUMENTS,)]
    assert await asyncio.to_thread(rows, store, count) == [(DOCUMENTS,)]
