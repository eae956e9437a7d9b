"""Jobs in PostgreSQL: work that outlives its request and its process, one line at a time.

A line is taken, stored and marked in one transaction (`import_worker`), so at whatever point a process dies, a line has
either been dealt with or still waits. Jobs of a kind run in the order of their ids, so that of two imports of one
document the later one wins.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from psycopg2.extras import Json

from ai_stack.aidb.database import Connection, Database, Row

State = Literal["receiving", "running", "paused", "succeeded", "failed", "cancelled"]
ItemState = Literal["waiting", "stored", "refused"]
#: States that a job does not leave by itself.
FINISHED: frozenset[State] = frozenset({"succeeded", "failed", "cancelled"})
#: After so long without a line, whoever was sending a job is gone.
ABANDONED = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Job:
    """A job and how far it is: `done` of `total` lines. `note` is why it was tried again, or what went wrong."""

    id: int
    kind: str
    state: State
    total: int
    done: int
    created: int
    updated: int
    unchanged: int
    refused: int
    attempts: int
    note: str | None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it was received: a document, or the reason why it is none."""

    number: int
    document: dict[str, Any] | None
    project: str | None = None
    path: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """What became of a line."""

    line: int
    state: ItemState
    project: str | None
    path: str | None
    document_id: int | None
    change: str | None
    chunks: int | None
    error: str | None


class JobStore:
    """Jobs and their lines. All methods raise `DependencyError` when PostgreSQL fails.

    Args:
        database: where they are.
        write_timeout: seconds that a change may take.
    """

    def __init__(self, database: Database, *, write_timeout: float) -> None:
        self._database = database
        self._write_timeout = write_timeout

    async def create(self, kind: str) -> int:
        """Begin a job that receives lines, and return its id."""

        async def work(connection: Connection) -> int:
            rows = await connection.fetch(
                "INSERT INTO jobs (kind, state) VALUES (%s, 'receiving') RETURNING id", (kind,)
            )
            identifier: int = rows[0][0]
            return identifier

        return await self._database.transaction(work, timeout=self._write_timeout)

    async def add(self, job_id: int, lines: Sequence[Line]) -> None:
        """Give a job more lines. One that names the document of an earlier line is refused."""
        good = [line for line in lines if line.document is not None]

        async def work(connection: Connection) -> None:
            rows = await connection.fetch(
                _ADD,
                {
                    "job": job_id,
                    "lines": [line.number for line in good],
                    "projects": [line.project for line in good],
                    "paths": [line.path for line in good],
                    "documents": [Json(line.document) for line in good],
                },
            )
            added = {row[0] for row in rows}
            twice = "an earlier line has the same project and path"
            refused = [
                (line.number, line.project, line.path, line.error or twice)
                for line in lines
                if line.number not in added
            ]
            numbers, projects, paths, errors = zip(*refused, strict=True) if refused else ((), (), (), ())
            await connection.fetch(
                _ADD_REFUSED,
                {
                    "job": job_id,
                    "lines": list(numbers),
                    "projects": list(projects),
                    "paths": list(paths),
                    "errors": list(errors),
                },
            )
            await connection.fetch(
                "UPDATE jobs SET total = total + %s, done = done + %s, refused = refused + %s, updated_at = now()"
                " WHERE id = %s",
                (len(lines), len(refused), len(refused), job_id),
            )

        await self._database.transaction(work, timeout=self._write_timeout)

    async def start(self, job_id: int) -> Job:
        """All lines are there: let the job run. Without a line to store it is finished."""

        async def work(connection: Connection) -> Job:
            await connection.fetch("UPDATE jobs SET state = 'running' WHERE id = %s AND state = 'receiving'", (job_id,))
            await advance(connection, job_id, {})
            return _job((await connection.fetch(_SELECT + "WHERE id = %s", (job_id,)))[0])

        return await self._database.transaction(work, timeout=self._write_timeout)

    async def forget(self, job_id: int) -> None:
        """Delete a job whose lines never came in full."""

        async def work(connection: Connection) -> None:
            await connection.fetch("DELETE FROM jobs WHERE id = %s AND state = 'receiving'", (job_id,))

        await self._database.transaction(work, timeout=self._write_timeout)

    async def get(self, job_id: int) -> Job | None:
        """Return a job, None when there is none of this id."""
        rows = await self._database.fetch(_SELECT + "WHERE id = %s AND state <> 'receiving'", (job_id,))
        return _job(rows[0]) if rows else None

    async def newest(self, *, limit: int, before: int | None, state: State | None) -> list[Job]:
        """Return jobs, the newest first.

        Args:
            limit: how many at most.
            before: only those with a smaller id.
            state: only those in this state.
        """
        rows = await self._database.fetch(
            _SELECT + "WHERE state <> 'receiving' AND (%(before)s IS NULL OR id < %(before)s)"
            " AND (%(state)s IS NULL OR state = %(state)s) ORDER BY id DESC LIMIT %(limit)s",
            {"before": before, "state": state, "limit": limit},
        )
        return [_job(row) for row in rows]

    async def items(self, job_id: int, *, after: int, limit: int, state: ItemState | None) -> list[Item]:
        """Return what became of the lines behind line `after`, in their order."""
        rows = await self._database.fetch(
            "SELECT line, state, project, path, document_id, change, chunks, error FROM job_items"
            " WHERE job_id = %(job)s AND line > %(after)s AND (%(state)s IS NULL OR state = %(state)s)"
            " ORDER BY line LIMIT %(limit)s",
            {"job": job_id, "after": after, "state": state, "limit": limit},
        )
        return [Item(*row) for row in rows]

    async def chunks_pending(self, job_id: int) -> int:
        """Count the chunks of a job's documents that wait for their vectors."""
        rows = await self._database.fetch(
            "SELECT count(*) FROM embedding_queue q JOIN chunks c ON c.id = q.chunk_id"
            " WHERE q.error IS NULL AND EXISTS"
            " (SELECT FROM job_items i WHERE i.job_id = %s AND i.document_id = c.document_id)",
            (job_id,),
        )
        pending: int = rows[0][0]
        return pending

    async def change_state(self, job_id: int, source: Sequence[State], target: State) -> bool:
        """Bring a job from one of the states `source` to `target`; return whether it was in one of them."""

        async def work(connection: Connection) -> bool:
            rows = await connection.fetch(
                "UPDATE jobs SET state = %(to)s, updated_at = now(), finished_at = CASE WHEN %(end)s THEN now() END"
                " WHERE id = %(job)s AND state = ANY(%(from)s) RETURNING id",
                {"job": job_id, "from": list(source), "to": target, "end": target in FINISHED},
            )
            # Its last lines may have been dealt with while it was paused.
            await advance(connection, job_id, {})
            return bool(rows)

        return await self._database.transaction(work, idempotent=True, timeout=self._write_timeout)

    async def retry(self, job_id: int, reason: str) -> bool:
        """Try the refused lines of a finished import again, and those that a cancelled one had left.

        Returns:
            whether there was such a line.
        """

        async def work(connection: Connection) -> bool:
            found = await connection.fetch(
                "SELECT id FROM jobs WHERE id = %s AND kind = 'import' AND state IN ('failed', 'cancelled') FOR UPDATE",
                (job_id,),
            )
            if not found:
                return False
            again = await connection.fetch(
                "UPDATE job_items SET state = 'waiting', error = NULL"
                " WHERE job_id = %s AND state = 'refused' AND document IS NOT NULL RETURNING line",
                (job_id,),
            )
            waiting = await connection.fetch(
                "SELECT count(*) FROM job_items WHERE job_id = %s AND state = 'waiting'", (job_id,)
            )
            if not waiting[0][0]:
                return False
            await connection.fetch(
                "UPDATE jobs SET state = 'running', done = done - %(again)s, refused = refused - %(again)s,"
                " note = %(note)s, attempts = attempts + 1, updated_at = now(), finished_at = NULL WHERE id = %(job)s",
                {"again": len(again), "note": reason, "job": job_id},
            )
            return True

        return await self._database.transaction(work, timeout=self._write_timeout)

    async def clean(self, keep: timedelta) -> int:
        """Delete jobs that finished longer ago than `keep`, and those whose sender is gone. Returns how many."""

        async def work(connection: Connection) -> int:
            rows = await connection.fetch(
                "DELETE FROM jobs WHERE finished_at < now() - %s"
                " OR (state = 'receiving' AND updated_at < now() - %s) RETURNING id",
                (keep, ABANDONED),
            )
            return len(rows)

        return await self._database.transaction(work, idempotent=True, timeout=self._write_timeout)


async def advance(connection: Connection, job_id: int, counts: dict[str, int]) -> None:
    """Count lines as dealt with, by "created", "updated", "unchanged" and "refused"; the last one finishes the job.

    Whether it is the last one follows from the counters of the row alone: it is locked, and what other transactions did
    to the lines themselves cannot be seen from here.
    """
    outcomes = {name: counts.get(name, 0) for name in ("created", "updated", "unchanged", "refused")}
    await connection.fetch(_ADVANCE, {"job": job_id, "n": sum(outcomes.values()), **outcomes})


def _job(row: Row) -> Job:
    return Job(*row)


_SELECT = """
    SELECT id, kind, state, total, done, created, updated, unchanged, refused, attempts, note, created_at, updated_at,
        finished_at
    FROM jobs """

_ADD = """
    INSERT INTO job_items (job_id, line, state, project, path, document)
    SELECT %(job)s, line, 'waiting', project, path, document
    FROM unnest(%(lines)s::integer[], %(projects)s::text[], %(paths)s::text[], %(documents)s::json[])
        AS new (line, project, path, document)
    ORDER BY line
    ON CONFLICT (job_id, project, path) WHERE state = 'waiting' DO NOTHING RETURNING line"""

_ADD_REFUSED = """
    INSERT INTO job_items (job_id, line, state, project, path, error)
    SELECT %(job)s, line, 'refused', project, path, error
    FROM unnest(%(lines)s::integer[], %(projects)s::text[], %(paths)s::text[], %(errors)s::text[])
        AS new (line, project, path, error)"""

_ADVANCE = """
    UPDATE jobs SET
        done = done + %(n)s, created = created + %(created)s, updated = updated + %(updated)s,
        unchanged = unchanged + %(unchanged)s, refused = refused + %(refused)s, updated_at = now(),
        finished_at = CASE WHEN state = 'running' AND done + %(n)s >= total THEN now() ELSE finished_at END,
        state = CASE WHEN state <> 'running' OR done + %(n)s < total THEN state
                     WHEN refused + %(refused)s > 0 THEN 'failed' ELSE 'succeeded' END
    WHERE id = %(job)s AND kind = 'import'"""
