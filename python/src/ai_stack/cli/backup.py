"""`ai-stack backup` and `ai-stack restore`."""

import time
from pathlib import Path
from typing import Annotated

import typer

from ai_stack.cli import render
from ai_stack.cli.options import JsonOption, StateOption, print_json
from ai_stack.local.backup import restore_backup, write_backup


def backup(
    state: StateOption,
    target: Annotated[Path | None, typer.Argument(help="The archive; by default named after the time.")] = None,
    json: JsonOption = False,
) -> None:
    """Write all that the stack has stored to one archive. The stack must be down. The archive holds its keys."""
    name = target or Path(time.strftime("ai-stack-%Y-%m-%dT%H-%M-%SZ.tar.gz", time.gmtime()))
    made = write_backup(state, name.absolute())
    if json:
        print_json({"path": str(made.path), "size_bytes": made.size_bytes, "files": made.files})
        return
    render.out().print(f"{made.path}: {made.files} files, {made.size_bytes / 2**20:.1f} MiB", markup=False)


def restore(
    source: Annotated[Path, typer.Argument(help="An archive that `backup` wrote.")],
    state: StateOption,
    json: JsonOption = False,
) -> None:
    """Bring back a backup into a state directory that is empty or not there."""
    files = restore_backup(state, source)
    if json:
        print_json({"state": str(state), "files": files})
        return
    render.out().print(f"{files} files restored to {state}", markup=False)
