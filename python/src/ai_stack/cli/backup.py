"""`ai-stack backup` and `ai-stack restore`: of an embedded stack, or of the machine's on NixOS."""

import time
from pathlib import Path
from typing import Annotated

import typer

from ai_stack.cli import machine, render
from ai_stack.cli.options import JsonOption, StateOption, print_json
from ai_stack.local.backup import restore_backup, write_backup
from ai_stack.local.errors import LocalError


def backup(
    context: typer.Context,
    state: StateOption,
    target: Annotated[Path | None, typer.Argument(help="The archive; by default named after the time.")] = None,
    json: JsonOption = False,
) -> None:
    """Write all that the stack has stored to one archive. The stack must be down. The archive holds its keys.

    On NixOS, without --state: run the machine's backup now, while its services go on.
    """
    if machine.is_meant(context):
        if target is not None:
            raise LocalError("the machine's backups have their own directory: leave the archive out, or say --state")
        name, size = machine.backup()
        if json:
            print_json({"name": name, "size": size})
        else:
            render.out().print(f"{name}: {size}", markup=False)
        return
    path = target or Path(time.strftime("ai-stack-%Y-%m-%dT%H-%M-%SZ.tar.gz", time.gmtime()))
    made = write_backup(state, path.absolute())
    if json:
        print_json({"path": str(made.path), "size_bytes": made.size_bytes, "files": made.files})
        return
    render.out().print(f"{made.path}: {made.files} files, {made.size_bytes / 2**20:.1f} MiB", markup=False)


def restore(
    context: typer.Context,
    source: Annotated[str, typer.Argument(help="An archive that `backup` wrote; on NixOS its name, or latest.")],
    state: StateOption,
    force: Annotated[
        bool, typer.Option("--force", help="On NixOS: stop the services meanwhile, whose data are replaced.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Bring back a backup into a state directory that is empty or not there.

    On NixOS, without --state: bring back a backup of the machine.
    """
    if machine.is_meant(context):
        machine.restore(source, force=force)
        if json:
            print_json({"name": source})
        else:
            render.out().print(f"{source} restored", markup=False)
        return
    if force:
        raise LocalError(
            "--force is for the stack of a NixOS machine: an embedded one is restored to an empty directory"
        )
    files = restore_backup(state, Path(source))
    if json:
        print_json({"state": str(state), "files": files})
        return
    render.out().print(f"{files} files restored to {state}", markup=False)
