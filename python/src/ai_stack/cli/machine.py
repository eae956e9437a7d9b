"""The stack of a NixOS machine, which systemd runs: backups belong to a unit and to the program `ai-stack-restore`."""

import shutil
import subprocess
from collections.abc import Sequence

import typer

from ai_stack.local.errors import LocalError

UNIT = "ai-stack-backup.service"
PROGRAM = "ai-stack-restore"


def is_meant(context: typer.Context) -> bool:
    """Whether a command is about the machine's stack: there is one, and no state directory was named."""
    # By name: typer brings click along in some versions, and needs it beside itself in others.
    source = context.get_parameter_source("state")
    return shutil.which(PROGRAM) is not None and source is not None and source.name == "DEFAULT"


def backup() -> tuple[str, str]:
    """Make a backup.

    Returns:
        Its name and its size, as `ai-stack-restore list` shows them.

    Raises:
        LocalError: nothing was written; the message names the log that says why.
    """
    before = _backups()
    _run(("systemctl", "start", UNIT), f"there is no backup: `journalctl -u {UNIT} -e` says why")
    made = [found for found in _backups() if found not in before]
    if not made:
        raise LocalError(f"{UNIT} has ended and left no backup: `journalctl -u {UNIT} -e` says why")
    return made[-1]


def restore(name: str, *, force: bool) -> None:
    """Bring back a backup.

    Args:
        name: one of `ai-stack-restore list`, `latest`, or a directory with a slash in its name.
        force: stop the services meanwhile.

    Raises:
        LocalError: it was refused or interrupted; the program has said why.
    """
    _run((PROGRAM, "restore", *(["--force"] if force else []), name), f"{name} is not restored")


def _backups() -> list[tuple[str, str]]:
    listed = _run((PROGRAM, "list"), "the backups of this machine cannot be listed: run it as root")
    rows = (line.split("\t") for line in listed.splitlines())
    return [(row[0], row[1]) for row in rows if len(row) > 1]


def _run(command: Sequence[str], failure: str) -> str:
    """Run a program whose complaints the user sees, and return its output."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603 -- fixed programs
    except OSError as error:
        raise LocalError(f"{command[0]} cannot be run: {error.strerror}") from error
    if done.returncode != 0:
        raise LocalError(failure)
    return done.stdout
