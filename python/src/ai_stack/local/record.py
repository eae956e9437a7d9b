"""``stack.json``: what a running stack tells the other commands, and anybody's scripts."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from ai_stack.local.errors import LocalError
from ai_stack.local.paths import write_private


class ChildRecord(BaseModel):
    """The visible state of one child; see `ai_stack.local.supervisor.Status`."""

    model_config = ConfigDict(frozen=True)

    state: str
    pid: int | None
    restarts: int
    last_exit: int | None


class StackRecord(BaseModel):
    """A running stack.

    Attributes:
        services: base URL of each service.
        api_key_file: file with the user's API key.
        pids: process ids, of the supervisor too.
        children: state of each child.
    """

    model_config = ConfigDict(frozen=True)

    services: dict[str, str]
    api_key_file: Path
    pids: dict[str, int]
    children: dict[str, ChildRecord]


def record_path(state: Path) -> Path:
    """Where the record of the stack in `state` lies."""
    return state / "stack.json"


def write_record(state: Path, record: StackRecord) -> None:
    """Replace the record in one step.

    Raises:
        LocalError: it cannot be written.
    """
    write_private(record_path(state), record.model_dump_json(indent=2) + "\n")


def read_record(state: Path) -> StackRecord | None:
    """The record, None when no stack has written one.

    Raises:
        LocalError: the file is not a record.
    """
    path = record_path(state)
    try:
        return StackRecord.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise LocalError(f"{path} cannot be read: stop the stack and remove the file") from error
