"""Edit a file of API keys: add, list, revoke. Services notice a change by themselves."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import ValidationError

from ai_stack.local.errors import LocalError
from ai_stack.local.paths import write_private
from ai_stack.service.auth import KeyFileError, KeyRecord, generate_key, key_record, read_key_file


def list_keys(path: Path) -> list[KeyRecord]:
    """The keys of a file, in its order; none when there is no file.

    Raises:
        LocalError: the file is not a key file.
    """
    if not path.exists():
        return []
    try:
        return read_key_file(path)
    except KeyFileError as error:
        raise LocalError(str(error)) from error


def add_key(path: Path, name: str, scopes: Iterable[str], *, replace: bool = False) -> str:
    """Add a key and return it: this is the only time that it can be seen.

    Args:
        path: the key file, made if missing.
        name: whose key it is.
        scopes: of "read", "write" and "admin".
        replace: whether a key of that name is replaced.

    Raises:
        LocalError: the name is taken or not allowed, a scope is unknown, or the file cannot be used.
    """
    key = generate_key()
    try:
        record = KeyRecord.model_validate(key_record(name, key, set(scopes)))
    except ValidationError as error:
        raise LocalError(
            f"cannot add the key {name!r}: a name is 1 to 128 letters, digits or . _ @ -, "
            "and scopes are read, write, admin"
        ) from error
    with locked(path):
        records = list_keys(path)
        if not replace and any(known.name == name for known in records):
            raise LocalError(f"{path} already has a key named {name}: revoke it first")
        write_keys(path, [*(known for known in records if known.name != name), record])
    return key


def revoke_key(path: Path, name: str) -> None:
    """Remove a key.

    Raises:
        LocalError: there is no key of that name, or the file cannot be used.
    """
    with locked(path):
        records = list_keys(path)
        if all(known.name != name for known in records):
            raise LocalError(f"{path} has no key named {name}")
        write_keys(path, [known for known in records if known.name != name])


def write_keys(path: Path, records: Iterable[KeyRecord]) -> None:
    """Replace the key file in one step. A group that could read it, as on NixOS, still can.

    Raises:
        LocalError: it cannot be written.
    """
    dumped = [record.model_dump(mode="json") for record in records]
    for item in dumped:
        item["scopes"] = sorted(item["scopes"])
    text = json.dumps(dumped, indent=2) + "\n"
    try:
        old = path.stat()
    except OSError:
        write_private(path, text)
    else:
        write_private(path, text, mode=old.st_mode & 0o660, group=old.st_gid)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let one editor at a time read, change and write the file."""
    try:
        handle = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise LocalError(f"cannot use {path.parent}: {error.strerror}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
