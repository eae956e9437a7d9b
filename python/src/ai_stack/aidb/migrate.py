"""Plain-SQL migrations: `migrations/NNNN_name.up.sql` and `.down.sql`, applied under an advisory lock.

All pending ones are applied in one transaction: either the schema is the newest afterwards, or nothing has changed.
The table `schema_migrations` records what was applied, with the SHA-256 of its text.
"""

import hashlib
import re
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

import psycopg2
from psycopg2 import errorcodes

from ai_stack.aidb.database import Connection
from ai_stack.aidb.errors import SchemaError
from ai_stack.service.logs import get_logger

#: Key of the advisory lock: "aidb" in ASCII.
ADVISORY_LOCK = 0x61696462
#: The first one with iterative index scans.
OLDEST_PGVECTOR = (0, 8)

_FILE = re.compile(r"(?P<version>\d{4})_(?P<name>[a-z0-9_]+)\.up\.sql")

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema.

    Attributes:
        version: 1 for the first one.
        name: what it is about.
        up: SQL that makes the step.
        down: SQL that takes it back; data that only the step can hold is lost.
    """

    version: int
    name: str
    up: str
    down: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the `up` text, in hexadecimal."""
        return hashlib.sha256(self.up.encode()).hexdigest()


def load_migrations(directory: Traversable | None = None) -> tuple[Migration, ...]:
    """Read the migrations of a directory, by default those of this package, in order.

    Raises:
        ValueError: versions do not count from 1 without a gap.
    """
    directory = directory or files("ai_stack.aidb") / "migrations"
    found = []
    for entry in directory.iterdir():
        match = _FILE.fullmatch(entry.name)
        if match:
            down = directory / entry.name.replace(".up.sql", ".down.sql")
            up_text, down_text = entry.read_text("utf-8"), down.read_text("utf-8")
            found.append(Migration(int(match["version"]), match["name"], up_text, down_text))
    found.sort(key=lambda migration: migration.version)
    if [migration.version for migration in found] != list(range(1, len(found) + 1)):
        raise ValueError("migrations must be numbered from 0001 without a gap")
    return tuple(found)


async def migrate(
    connection: Connection, migrations: tuple[Migration, ...], *, target: int | None = None
) -> tuple[int, int]:
    """Bring the schema to version `target`, by default to the newest one.

    Args:
        connection: outside of a transaction; its role owns the schema.
        migrations: all that this version knows.
        target: 0 takes everything back.

    Returns:
        the schema's version before and after.

    Raises:
        SchemaError: the schema is newer than the newest migration, or was made by another text of a migration; or
            pgvector is missing or too old.
        ValueError: there is no version `target`.
    """
    if target is None:
        target = len(migrations)
    elif not 0 <= target <= len(migrations):
        raise ValueError(f"there is no schema version {target}")
    await connection.fetch("BEGIN")
    try:
        # Another process may be building an index.
        await connection.fetch("SET LOCAL statement_timeout = 0")
        await connection.fetch("SELECT pg_advisory_xact_lock(%s)", (ADVISORY_LOCK,))
        await _require_pgvector(connection)
        before = await _current_version(connection, migrations)
        for migration in migrations[before:target]:
            await connection.fetch(migration.up)
            await connection.fetch(
                "INSERT INTO schema_migrations (version, name, checksum) VALUES (%s, %s, %s)",
                (migration.version, migration.name, migration.checksum),
            )
        for migration in reversed(migrations[target:before]):
            await connection.fetch(migration.down)
            await connection.fetch("DELETE FROM schema_migrations WHERE version = %s", (migration.version,))
        await connection.fetch("COMMIT")
    except psycopg2.Error as error:
        if error.pgcode == errorcodes.INSUFFICIENT_PRIVILEGE:
            raise SchemaError("the database role may not change the schema: it must own the database") from error
        raise
    if before != target:
        log.info("schema.migrated", from_version=before, to_version=target)
    return before, target


async def _require_pgvector(connection: Connection) -> None:
    installed = await connection.fetch("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
    if not installed:
        try:
            await connection.fetch("CREATE EXTENSION vector")
        except psycopg2.Error as error:
            if error.pgcode == errorcodes.INSUFFICIENT_PRIVILEGE:
                reason = "as a superuser, run: CREATE EXTENSION vector"
            else:
                reason = "install it on the PostgreSQL server"
            raise SchemaError(f"the database has no pgvector; {reason}") from error
        installed = await connection.fetch("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
    version = installed[0][0]
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_PGVECTOR:
        oldest = ".".join(str(part) for part in OLDEST_PGVECTOR)
        raise SchemaError(f"pgvector {version} is too old, {oldest} is the oldest that can be used")


async def _current_version(connection: Connection, migrations: tuple[Migration, ...]) -> int:
    await connection.fetch(
        "CREATE TABLE IF NOT EXISTS schema_migrations ("
        " version integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,"
        " applied_at timestamptz NOT NULL DEFAULT now())"
    )
    applied = await connection.fetch("SELECT version, name, checksum FROM schema_migrations ORDER BY version")
    if len(applied) > len(migrations):
        raise SchemaError(
            f"the database has schema version {applied[-1][0]}, and this version of aidb knows up to"
            f" {len(migrations)}: run the newer aidb"
        )
    for migration, (version, name, checksum) in zip(migrations, applied, strict=False):
        if (migration.version, migration.checksum) != (version, checksum):
            raise SchemaError(
                f"schema version {version} ({name}) of the database was made by another text of that migration"
            )
    return len(applied)
