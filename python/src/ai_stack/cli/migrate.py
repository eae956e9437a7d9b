"""`ai-stack migrate`: the schema of aidb's database."""

import json as json_module
import subprocess
from pathlib import Path
from typing import Annotated, Any

import typer

from ai_stack.cli import render
from ai_stack.cli.modules import command_of, environment
from ai_stack.cli.options import JsonOption, StateOption, print_json
from ai_stack.local.errors import LocalError

commands = typer.Typer(no_args_is_help=True, help="Show or change the schema of aidb's database.")

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="Settings of an aidb outside of the embedded stack; credentials as for its unit."),
]
MODULE = "ai_stack.aidb.schema_command"


@commands.command()
def status(state: StateOption, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Show which version the schema has, and which this program knows."""
    _show(_run(state, config, "status"), json)


@commands.command()
def up(
    state: StateOption,
    config: ConfigOption = None,
    to: Annotated[int | None, typer.Option(min=0, help="Version; the newest by default.")] = None,
    json: JsonOption = False,
) -> None:
    """Bring the schema to a newer version. aidb does so by itself when it starts."""
    _show(_run(state, config, "up", to), json)


@commands.command()
def down(
    to: Annotated[int, typer.Option(min=0, help="Version; 0 deletes everything.")],
    state: StateOption,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Take the schema back to an older version, for an older aidb. What only the newer ones can hold is lost. Stop aidb
    before, since it would bring the schema up again."""
    _show(_run(state, config, "down", to), json)


def _run(state: Path, config: Path | None, action: str, to: int | None = None) -> dict[str, Any]:
    """Run the program that belongs to aidb, with the settings of the stack in `state` unless others are named.

    Raises:
        LocalError: there is no stack, or the program failed.
    """
    credentials = {}
    if config is None:
        config = state / "config" / "aidb.json"
        if not config.is_file():
            raise LocalError(f"no stack has been started in {state}: name the settings of aidb with --config")
        credentials["CREDENTIALS_DIRECTORY"] = str(state / "credentials" / "aidb")
    command = command_of(MODULE, action, "--config", str(config))
    if to is not None:
        command += ["--to", str(to)]
    done = subprocess.run(  # noqa: S603 - our own interpreter and module
        command, env=environment(**credentials), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"it ended with status {done.returncode}"]
        raise LocalError(lines[-1].removeprefix("schema_command.py: "))
    found: dict[str, Any] = json_module.loads(done.stdout)
    return found


def _show(found: dict[str, Any], json: bool) -> None:
    if json:
        print_json(found)
        return
    console = render.out()
    console.print(f"schema version {found['version']}, newest {found['newest']}", markup=False)
    for one in found["migrations"]:
        console.print(f"  {one['version']:04} {one['name']:<20} {'applied' if one['applied'] else '-'}", markup=False)
