"""Options that several commands share."""

import os
from pathlib import Path
from typing import Annotated

import orjson
import typer


def default_state() -> Path:
    """The state directory when none is named: XDG Base Directory Specification, user data."""
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "ai-stack"


StateOption = Annotated[
    Path, typer.Option("--state", help="State directory.", default_factory=default_state, resolve_path=True)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def print_json(value: object) -> None:
    """Print `value` as JSON."""
    typer.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str))
