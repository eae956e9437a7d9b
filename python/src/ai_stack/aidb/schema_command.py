"""`python -m ai_stack.aidb.schema_command {status,up,down} --config FILE`: the schema, without the service.

Prints one JSON object. Exit status 0, or 78 (`EX_CONFIG`) when the database or the settings cannot be used.
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NoReturn

from ai_stack.aidb.connecting import first_connection
from ai_stack.aidb.database import Connection
from ai_stack.aidb.migrate import Migration, load_migrations, migrate
from ai_stack.aidb.settings import AidbSettings
from ai_stack.service.settings import SettingsError, load_settings


async def change_schema(
    settings: AidbSettings, migrations: tuple[Migration, ...], action: str, target: int | None = None
) -> dict[str, Any]:
    """Do what the command line says, and return what came of it.

    Args:
        settings: name the database.
        migrations: all that this version knows.
        action: "status", "up" (to the newest version or to `target`) or "down" (to `target`; data that only the newer
            versions can hold is lost).
        target: version of the schema.

    Raises:
        SettingsError: the database cannot be reached or used.
        ValueError: there is no version `target`, or it is in the other direction.
    """
    with closing(await first_connection(settings)) as raw:
        connection = Connection(raw)
        version = await _version(connection)
        if action != "status":
            wanted = len(migrations) if target is None else target
            if (action == "up") != (wanted >= version):
                raise ValueError(f"the schema has version {version}: {wanted} is not {action}")
            _, version = await migrate(connection, migrations, target=wanted)
    return {
        "version": version,
        "newest": len(migrations),
        "migrations": [
            {"version": one.version, "name": one.name, "applied": one.version <= version} for one in migrations
        ],
    }


async def _version(connection: Connection) -> int:
    if not await connection.fetch("SELECT 1 FROM pg_tables WHERE tablename = 'schema_migrations'"):
        return 0
    rows = await connection.fetch("SELECT coalesce(max(version), 0) FROM schema_migrations")
    version: int = rows[0][0]
    return version


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Shows or changes the schema of aidb's database.")
    parser.add_argument("action", choices=("status", "up", "down"))
    parser.add_argument("--to", type=int, metavar="VERSION", help="version; for `up` the newest by default")
    parser.add_argument("--config", type=Path, metavar="FILE", help="JSON file with the settings of aidb")
    arguments = parser.parse_args(argv)
    if arguments.action == "down" and arguments.to is None:
        parser.error("down needs --to")
    try:
        settings = load_settings(AidbSettings, config=arguments.config)
        work = change_schema(settings, load_migrations(), arguments.action, arguments.to)
        print(json.dumps(asyncio.run(work)))  # noqa: T201 - the answer of a command
    except (SettingsError, ValueError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)  # noqa: T201 - that of a command that failed
        sys.exit(os.EX_CONFIG)
    sys.exit(0)


if __name__ == "__main__":
    main()
