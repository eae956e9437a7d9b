"""A change of the model: every chunk gets a vector of the new one beside its old one, then all change places at once.

Until then searches use the old model for both sides. The new vectors are in the column `chunks.embedding_next` with
indexes like those of the old one; the switch drops the old column and renames the new one, which takes no longer for
many chunks than for few. The change is a job: it can be watched, paused and cancelled, and goes on after a restart.
"""

import asyncio
import re
from typing import Literal

import psycopg2

from ai_stack.aidb.database import Connection, Database, Row
from ai_stack.aidb.epoch import next_epoch
from ai_stack.aidb.identity import ModelIdentity, read_identity
from ai_stack.aidb.jobs import Job, JobStore
from ai_stack.aidb.model_client import ModelClient
from ai_stack.aidb.telemetry import Telemetry
from ai_stack.aidb.vectors import DIMENSION
from ai_stack.service.errors import Conflict, Unavailable
from ai_stack.service.logs import get_logger

KIND = "model_change"
#: Times that the tables are tried to be locked, and seconds between them.
_ATTEMPTS, _PAUSE = 20, 0.2

#: What ending a change came to: it is done, others use the tables, or another process has ended it.
_Outcome = Literal["done", "later", "gone"]

log = get_logger(__name__)


class ModelChange:
    """Begins, finishes and gives up changes of the model; `Reembedder` does the work between.

    Args:
        database: holds the vectors.
        jobs: shows how far the change is.
        client: the service that runs the next model; None when none is configured.
        telemetry: is told when a change begins and ends.
        write_timeout: seconds that beginning may take.
    """

    def __init__(
        self,
        database: Database,
        jobs: JobStore,
        client: ModelClient | None,
        telemetry: Telemetry,
        *,
        write_timeout: float,
    ) -> None:
        self._database = database
        self._jobs = jobs
        self._client = client
        self._telemetry = telemetry
        self._write_timeout = write_timeout

    async def begin(self) -> Job:
        """Begin the change to the model that the next service runs.

        Raises:
            Conflict: there is nothing to change, or a change is under way.
            DependencyError: the next service or PostgreSQL failed.
            Unavailable: the tables are in use all the time.
        """
        if self._client is None:
            raise Conflict("embeddings_next_url is not set: it names the service that runs the new model")
        model = await self._client.model()
        if model.dimension != DIMENSION:
            raise Conflict(f"{model} cannot be used: the database holds vectors of dimension {DIMENSION}")
        stored = await read_identity(self._database)
        if stored is None:
            raise Conflict("nothing is stored yet: use the new model at embeddings_url")
        if stored == model:
            raise Conflict(f"the stored vectors are of {model} already")

        async def work(connection: Connection) -> int | None:
            # Those who write chunks later see that a change is under way.
            if not await _lock(connection, "chunks"):
                return None
            if await connection.fetch("SELECT 1 FROM model_change"):
                raise Conflict("the model is being changed already")
            rows = await connection.fetch(
                "INSERT INTO jobs (kind, state, total) SELECT %s, 'running', count(*) FROM chunks RETURNING id", (KIND,)
            )
            await connection.fetch(
                "INSERT INTO model_change (job_id, name, revision, dimension) VALUES (%s, %s, %s, %s)",
                (rows[0][0], model.name, model.revision, model.dimension),
            )
            await connection.fetch(f"ALTER TABLE chunks ADD COLUMN embedding_next vector({DIMENSION})")
            for _, definition in await _vector_indexes(connection):
                await connection.fetch(next_index(definition))
            await connection.fetch("INSERT INTO reembedding_queue (chunk_id) SELECT id FROM chunks")
            identifier: int = rows[0][0]
            return identifier

        for _ in range(_ATTEMPTS):
            if (job_id := await self._database.transaction(work, timeout=self._write_timeout)) is not None:
                break
            await asyncio.sleep(_PAUSE)
        else:
            raise Unavailable("the table of chunks is in use all the time", retry_after=10.0)
        self._telemetry.record("model_change", {"state": "begun"})
        log.info("model_change.begun", job=job_id, old=str(stored), new=str(model))
        job = await self._jobs.get(job_id)
        assert job is not None
        return job

    async def settle(self) -> bool:
        """Switch when every chunk has its new vector, or clean up when the job was cancelled.

        Returns:
            whether there is nothing left to do. Where it could not be done now, since others use the tables, False.
        """
        state = await self._database.fetch(
            "SELECT j.state, EXISTS (SELECT FROM reembedding_queue WHERE error IS NULL)"
            " FROM model_change m JOIN jobs j ON j.id = m.job_id"
        )
        if not state:
            return True
        match state[0]:
            case ("running", False):
                await self._database.transaction(_stop_embedding, idempotent=True)
                finish, end = _switch, "finished"
            case ("cancelled", _):
                finish, end = _clean_up, "cancelled"
            case _:
                return False
        outcome = await self._database.transaction(finish, timeout=self._write_timeout)
        if outcome == "done":
            self._telemetry.record("model_change", {"state": end})
        return outcome != "later"


def next_index(definition: str) -> str:
    """Return the statement for the index on the next vectors that is like one on the present ones."""
    renamed = re.sub(r"^(CREATE (?:UNIQUE )?INDEX )(\S+)", r"\1\2_next", definition, count=1)
    return re.sub(r"\bembedding\b", "embedding_next", renamed)


async def _vector_indexes(connection: Connection) -> list[tuple[str, str]]:
    """Return name and definition of each index on the present vectors."""
    rows = await connection.fetch(
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema() AND tablename = 'chunks'"
        " AND indexdef ~ '\\membedding\\M'"
    )
    return [(name, definition) for name, definition in rows]


async def _stop_embedding(connection: Connection) -> None:
    await connection.fetch("UPDATE model_change SET complete = true WHERE NOT complete")


async def _lock(connection: Connection, *tables: str) -> bool:
    """Lock tables against everybody, if they are free soon; return whether they were.

    Everybody else waits meanwhile. So this is short, and shorter than what PostgreSQL waits before it looks for
    deadlocks (`deadlock_timeout`, 1 s): nobody who uses these tables in another order is ever chosen as a victim.
    """
    await connection.fetch("SET LOCAL lock_timeout = '500ms'")
    await connection.fetch("SAVEPOINT locked")
    try:
        await connection.fetch(f"LOCK TABLE {', '.join(tables)} IN ACCESS EXCLUSIVE MODE")
    except psycopg2.errors.LockNotAvailable:
        await connection.fetch("ROLLBACK TO SAVEPOINT locked")
        return False
    return True


async def _lock_change(connection: Connection) -> list[Row] | None:
    """Lock all that a change ends with.

    Returns:
        the change, no row when it has ended; None when it cannot be locked now.
    """
    if not await _lock(connection, "embedding_queue", "reembedding_queue", "chunks"):
        return None
    return await connection.fetch(
        "SELECT m.job_id, m.name, m.revision, m.dimension, j.state FROM model_change m JOIN jobs j ON j.id = m.job_id"
        " FOR UPDATE"
    )


async def _switch(connection: Connection) -> _Outcome:
    found = await _lock_change(connection)
    if not found:
        return "later" if found is None else "gone"
    job_id, name, revision, dimension, state = found[0]
    if state != "running" or await connection.fetch("SELECT 1 FROM reembedding_queue WHERE error IS NULL LIMIT 1"):
        return "later"
    names = [index for index, _ in await _vector_indexes(connection)]
    await connection.fetch("ALTER TABLE chunks DROP COLUMN embedding")
    await connection.fetch("ALTER TABLE chunks RENAME COLUMN embedding_next TO embedding")
    for index in names:
        await connection.fetch(f"ALTER INDEX {index}_next RENAME TO {index}")
    # What the new model cannot take is what has no vector now.
    await connection.fetch("DELETE FROM embedding_queue")
    await connection.fetch(
        "INSERT INTO embedding_queue (chunk_id, error)"
        " SELECT q.chunk_id, q.error FROM reembedding_queue q JOIN chunks c ON c.id = q.chunk_id"
    )
    await connection.fetch("DELETE FROM reembedding_queue")
    await connection.fetch(
        "UPDATE model_identity SET name = %s, revision = %s, dimension = %s, stored_at = now()",
        (name, revision, dimension),
    )
    await connection.fetch("DELETE FROM model_change")
    await connection.fetch(
        "UPDATE jobs SET state = 'succeeded', total = done, updated_at = now(), finished_at = now() WHERE id = %s",
        (job_id,),
    )
    await next_epoch(connection)
    log.info("model_change.switched", job=job_id, model=str(ModelIdentity(name, revision, dimension)))
    return "done"


async def _clean_up(connection: Connection) -> _Outcome:
    found = await _lock_change(connection)
    if found is None:
        return "later"
    if not found or found[0][-1] != "cancelled":
        return "gone"
    await connection.fetch("ALTER TABLE chunks DROP COLUMN embedding_next")
    await connection.fetch("DELETE FROM reembedding_queue")
    await connection.fetch("DELETE FROM model_change")
    log.info("model_change.given_up", job=found[0][0])
    return "done"
