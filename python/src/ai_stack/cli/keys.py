"""`ai-stack keys`: who may call the services."""

from pathlib import Path
from typing import Annotated

import typer

from ai_stack.cli import render
from ai_stack.cli.options import JsonOption, StateOption, print_json
from ai_stack.local import keyfile

FileOption = Annotated[
    Path | None,
    typer.Option(
        "--file", envvar="AI_STACK_KEY_FILE", help="Key file; by default the one of the stack in the state directory."
    ),
]

commands = typer.Typer(
    no_args_is_help=True, help="Add, list and revoke API keys. Running services notice by themselves."
)


@commands.command("add")
def add(
    name: Annotated[str, typer.Argument(help="Whose key it is.")],
    state: StateOption,
    scope: Annotated[list[str], typer.Option(help="read, write or admin; may be given several times.")] = ["read"],  # noqa: B006 -- typer reads it only
    file: FileOption = None,
    json: JsonOption = False,
) -> None:
    """Make a key and print it. It is not stored and cannot be shown again."""
    key = keyfile.add_key(key_file(state, file), name, scope)
    if json:
        print_json({"name": name, "scopes": sorted(set(scope)), "key": key})
        return
    typer.echo(key)


@commands.command("list")
def list_(state: StateOption, file: FileOption = None, json: JsonOption = False) -> None:
    """List the names and scopes of all keys."""
    records = keyfile.list_keys(key_file(state, file))
    rows = [{"name": record.name, "scopes": sorted(record.scopes)} for record in records]
    if json:
        print_json(rows)
        return
    table = render.table("name", "scopes")
    for record in records:
        table.add_row(record.name, ", ".join(sorted(record.scopes)))
    render.out().print(table)


@commands.command("revoke")
def revoke(
    name: Annotated[str, typer.Argument(help="Whose key it is.")],
    state: StateOption,
    file: FileOption = None,
    json: JsonOption = False,
) -> None:
    """Take a key away."""
    keyfile.revoke_key(key_file(state, file), name)
    if json:
        print_json({"revoked": name})
        return
    typer.echo(f"revoked {name}")


def key_file(state: Path, given: Path | None) -> Path:
    """The key file to work on."""
    return given or state / "api-keys.json"
