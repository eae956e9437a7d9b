"""Stores the lines of imports, in the background and by several workers and processes at once.

A worker takes some lines, stores their documents and marks them in one transaction. When it is cut off, the lines wait
again as if nothing had been; when it is not, they are stored exactly once.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import NamedTuple

import psycopg2
from pydantic import ValidationError

from ai_stack.aidb.database import Connection, Database
from ai_stack.aidb.embedder import Embedder
from ai_stack.aidb.ingestion import Ingestion
from ai_stack.aidb.jobs import JobStore, Line, advance
from ai_stack.aidb.schemas import DocumentRequest
from ai_stack.aidb.storing import NewDocument, StoredDocument, store_documents
from ai_stack.aidb.telemetry import Telemetry
from ai_stack.service.endpoint import describe
from ai_stack.service.errors import ServiceError
from ai_stack.service.logs import get_logger
from ai_stack.service.metrics import ServiceMetrics
from ai_stack.service.resilience import DependencyError

#: Lines that one transaction stores.
LINES = 16
#: Longest pause in seconds between attempts while PostgreSQL is away.
MAX_PAUSE = 2.0
#: Seconds after which an idle worker looks for work that another process left behind.
HEARTBEAT = 5.0
#: Seconds between two looks for jobs that are old enough to be deleted.
CLEAN_INTERVAL = 3600.0

log = get_logger(__name__)


class _Claimed(NamedTuple):
    job_id: int
    line: int
    document: dict[str, object]


class ImportWorker:
    """Workers for imports.

    Args:
        database: holds documents and lines.
        jobs: whose lines are stored.
        ingestion: checks and cuts documents.
        embedder: is told about new chunks.
        telemetry: is told what was stored.
        metrics: gets what became of lines.
        concurrency: number of workers.
        timeout: seconds that storing some lines may take.
        keep: how long finished jobs are kept.
    """

    def __init__(
        self,
        database: Database,
        jobs: JobStore,
        ingestion: Ingestion,
        embedder: Embedder,
        telemetry: Telemetry,
        metrics: ServiceMetrics,
        *,
        concurrency: int,
        timeout: float,
        keep: timedelta,
    ) -> None:
        self._database = database
        self._jobs = jobs
        self._ingestion = ingestion
        self._embedder = embedder
        self._telemetry = telemetry
        self._concurrency = concurrency
        self._timeout = timeout
        self._keep = keep
        self._work_exists = asyncio.Event()
        self._lines = metrics.counter("aidb_import_lines_total", "Lines of imports that were dealt with.")
        self._waiting = metrics.gauge("aidb_import_lines_waiting", "Lines of running imports that are not stored yet.")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the workers for the length of the block."""
        tasks = [asyncio.create_task(self._work(), name=f"import-{n}") for n in range(self._concurrency)]
        tasks.append(asyncio.create_task(self._clean(), name="clean-jobs"))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def wake(self) -> None:
        """There are new lines."""
        self._work_exists.set()

    async def _work(self) -> None:
        pause = 0.0
        while True:
            self._work_exists.clear()
            try:
                taken = await self._store_some(LINES)
            except Exception as error:
                pause = min(MAX_PAUSE, max(0.1, pause * 2))
                if isinstance(error, DependencyError):
                    log.warning("imports.waiting", reason=str(error))
                else:
                    log.exception("imports.failed", retry_in_seconds=pause)
                await asyncio.sleep(pause)
                continue
            pause = 0.0
            if taken == LINES:
                self.wake()
            elif not taken:
                await self._idle()

    async def _idle(self) -> None:
        try:
            async with asyncio.timeout(HEARTBEAT):
                await self._work_exists.wait()
        except TimeoutError:
            return

    async def _store_some(self, count: int) -> int:
        outcomes: Counter[str] = Counter()

        async def work(connection: Connection) -> int:
            outcomes.clear()
            claimed = [_Claimed(*row) for row in await connection.fetch(_CLAIM, (count,))]
            if claimed:
                outcomes.update(await self._store_each(connection, claimed))
                await advance(connection, claimed[0].job_id, outcomes)
            return len(claimed)

        taken = await self._database.transaction(work, timeout=self._timeout)
        for outcome, number in outcomes.items():
            self._lines.add({"outcome": outcome}, number)
        if taken:
            self._telemetry.record("import", outcomes)
            self._embedder.wake()
        rows = await self._database.fetch("SELECT coalesce(sum(total - done), 0) FROM jobs WHERE state = 'running'")
        self._waiting.set({}, int(rows[0][0]))
        return taken

    async def _store_each(self, connection: Connection, claimed: Sequence[_Claimed]) -> Counter[str]:
        """Store lines together; where PostgreSQL refuses them, one by one, so that it is known which one."""
        await connection.fetch("SAVEPOINT lines")
        try:
            return await self._store(connection, claimed)
        except (psycopg2.OperationalError, psycopg2.InterfaceError):
            raise
        except psycopg2.Error as error:
            log.warning("imports.refused_by_postgres", lines=len(claimed), reason=type(error).__name__)
            await connection.fetch("ROLLBACK TO SAVEPOINT lines")
            if len(claimed) > 1:
                parts = [await self._store_each(connection, [item]) for item in claimed]
                return sum(parts, Counter())
            reason = f"PostgreSQL cannot store it ({type(error).__name__})"
            await _mark_refused(connection, claimed[0].job_id, [(claimed[0].line, reason)])
            return Counter(refused=1)

    async def _store(self, connection: Connection, claimed: Sequence[_Claimed]) -> Counter[str]:
        requests = [_request(item.document) for item in claimed]
        prepared = iter(await self._ingestion.prepare([one for one in requests if isinstance(one, DocumentRequest)]))
        results = [next(prepared) if isinstance(one, DocumentRequest) else one for one in requests]
        new = [result for result in results if isinstance(result, NewDocument)]
        stored = iter(await store_documents(connection, new) if new else [])
        outcomes: Counter[str] = Counter()
        done: list[tuple[int, StoredDocument]] = []
        refused: list[tuple[int, str]] = []
        for item, result in zip(claimed, results, strict=True):
            if isinstance(result, NewDocument):
                outcome = next(stored)
                done.append((item.line, outcome))
                outcomes[outcome.change] += 1
            else:
                refused.append((item.line, result.message))
                outcomes["refused"] += 1
        job_id = claimed[0].job_id
        await connection.fetch(
            _MARK_STORED,
            {
                "job": job_id,
                "lines": [line for line, _ in done],
                "ids": [outcome.id for _, outcome in done],
                "changes": [outcome.change for _, outcome in done],
                "chunks": [outcome.chunks for _, outcome in done],
            },
        )
        await _mark_refused(connection, job_id, refused)
        return outcomes

    async def _clean(self) -> None:
        while True:
            try:
                if deleted := await self._jobs.clean(self._keep):
                    log.info("jobs.deleted", jobs=deleted)
            except DependencyError as error:
                log.warning("jobs.not_cleaned", reason=str(error))
            await asyncio.sleep(CLEAN_INTERVAL)


def lines_of(documents: Sequence[DocumentRequest]) -> list[Line]:
    """Return the documents of a request as the lines of a job."""
    return [
        Line(number, document.model_dump(mode="json", exclude_unset=True), document.project, document.name)
        for number, document in enumerate(documents, start=1)
    ]


def _request(document: dict[str, object]) -> DocumentRequest | ServiceError:
    # It was checked when it came, perhaps by an older version with other rules.
    try:
        return DocumentRequest.model_validate(document)
    except ValidationError as error:
        return ServiceError(describe(error))


async def _mark_refused(connection: Connection, job_id: int, refused: Sequence[tuple[int, str]]) -> None:
    await connection.fetch(
        _MARK_REFUSED,
        {"job": job_id, "lines": [line for line, _ in refused], "errors": [reason for _, reason in refused]},
    )


# Of the oldest job alone: a later import of the same document must win.
_CLAIM = """
    SELECT job_id, line, document FROM job_items
    WHERE job_id = (SELECT min(id) FROM jobs WHERE state = 'running' AND kind = 'import') AND state = 'waiting'
    ORDER BY line LIMIT %s FOR UPDATE SKIP LOCKED"""

_MARK_STORED = """
    UPDATE job_items i SET state = 'stored', document = NULL, document_id = done.id, change = done.change,
        chunks = done.chunks
    FROM unnest(%(lines)s::integer[], %(ids)s::bigint[], %(changes)s::text[], %(chunks)s::integer[])
        AS done (line, id, change, chunks)
    WHERE i.job_id = %(job)s AND i.line = done.line"""

_MARK_REFUSED = """
    UPDATE job_items i SET state = 'refused', error = refused.error
    FROM unnest(%(lines)s::integer[], %(errors)s::text[]) AS refused (line, error)
    WHERE i.job_id = %(job)s AND i.line = refused.line"""
