"""Backup and restore of an embedded stack that does not run: one archive of all that its state consists of."""

import json
import os
import shutil
import tarfile
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ai_stack.local.errors import LocalError
from ai_stack.local.lock import AlreadyRunningError, StateLock
from ai_stack.local.postgres import Postgres
from ai_stack.local.record import record_path
from ai_stack.service.app import distribution_version

FORMAT = 1
MANIFEST = "ai-stack-backup.json"
#: Where things lie in the archive: the state directory, and the database where it lies outside of that.
STATE, DATABASE = "state", "database"
#: Of a run, not of the state.
_LEFT_OUT = frozenset(("log", "run", "lock", "stack.json"))


@dataclass(frozen=True)
class Written:
    """A backup that was made.

    Attributes:
        path: the archive.
        size_bytes: its size.
        files: how many files are in it.
    """

    path: Path
    size_bytes: int
    files: int


def write_backup(state: Path, target: Path) -> Written:
    """Write everything that a stack has stored to one archive (tar, gzip), which holds its keys too: mode 0600.

    Args:
        state: state directory of the stack, which must not run: its files are consistent only then.
        target: the archive, which must not exist.

    Raises:
        LocalError: the stack runs, there is none, or the archive cannot be written. Then there is no archive.
    """
    state = state.absolute()
    if target.exists():
        raise LocalError(f"{target} exists already: choose another name")
    if not (state / "api-keys.json").exists():
        raise LocalError(f"there is no stack in {state}")
    try:
        with StateLock(state):
            if record_path(state).exists():
                raise LocalError("the stack was not stopped in order: start and stop it once, then make the backup")
            return _write(state, target)
    except AlreadyRunningError as error:
        raise LocalError(
            f"the stack runs (pid {error.pid}): stop it with `ai-stack down`, then make the backup"
        ) from error
    except OSError as error:
        raise LocalError(f"cannot write the backup {target}: {error.strerror or error}") from error


def restore_backup(state: Path, source: Path) -> int:
    """Bring back what `write_backup` wrote.

    Args:
        state: state directory, which must not exist or be empty.
        source: the archive.

    Returns:
        The number of files restored.

    Raises:
        LocalError: there is something in `state`, or the archive is no backup, damaged, or of a later version. Then
            `state` is what it was.
    """
    state = state.absolute()
    if state.exists() and (not state.is_dir() or any(state.iterdir())):
        raise LocalError(f"{state} is not empty: restore to another state directory, or move it away")
    try:
        state.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=state.parent, prefix=f".{state.name}-restore-") as directory:
            files = _unpack(source, Path(directory))
            return _put_in_place(Path(directory), state, files)
    except (OSError, tarfile.TarError, EOFError) as error:
        raise LocalError(f"cannot restore {source}: {getattr(error, 'strerror', None) or error}") from error


def _write(state: Path, target: Path) -> Written:
    handle, name = tempfile.mkstemp(dir=target.absolute().parent, prefix=f".{target.name}.")
    partial = Path(name)
    try:
        files = 0
        with os.fdopen(handle, "wb") as raw:
            with tarfile.open(fileobj=raw, mode="w:gz", format=tarfile.PAX_FORMAT, compresslevel=3) as archive:
                manifest = {"format": FORMAT, "version": distribution_version(), "made": int(time.time())}
                _add_text(archive, MANIFEST, json.dumps(manifest))
                for root, member in _members(state):
                    archive.add(root, member, recursive=False)
                    files += root.is_file()
            raw.flush()
            os.fsync(raw.fileno())
        partial.rename(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return Written(target, target.stat().st_size, files)


def _members(state: Path) -> Iterator[tuple[Path, str]]:
    """What belongs into the archive, and its name there; directories before what is in them."""
    for top in sorted(state.iterdir()):
        if top.name not in _LEFT_OUT:
            yield from _tree(top, f"{STATE}/{top.name}")
    if (state / "credentials" / "postgres-superuser").exists():
        data = Postgres(state).data
        if not data.is_relative_to(state) and data.exists():
            yield from _tree(data, DATABASE)


def _tree(path: Path, name: str) -> Iterator[tuple[Path, str]]:
    if path.is_symlink() or not (path.is_dir() or path.is_file()):
        return  # sockets
    yield path, name
    if path.is_dir():
        for entry in sorted(path.iterdir()):
            yield from _tree(entry, f"{name}/{entry.name}")


def _add_text(archive: tarfile.TarFile, name: str, text: str) -> None:
    with tempfile.TemporaryFile() as stream:
        stream.write(text.encode())
        stream.seek(0)
        info = tarfile.TarInfo(name)
        info.size, info.mode = len(text.encode()), 0o600
        archive.addfile(info, stream)


def _unpack(source: Path, directory: Path) -> int:
    # Every member has been looked at, so that the interpreter's own filter, where there is one, need not.
    trusted = {"filter": "fully_trusted"} if hasattr(tarfile, "fully_trusted_filter") else {}
    files = 0
    with tarfile.open(source, "r:gz") as archive:
        first = archive.next()
        if first is None or first.name != MANIFEST:
            raise LocalError(f"{source} is not a backup of ai-stack")
        _check_manifest(source, archive, first)
        for member in archive:
            if member.name != MANIFEST:
                _check_member(source, member)
                archive.extract(member, directory, numeric_owner=True, **trusted)  # type: ignore[arg-type]
                files += member.isfile()
    return files


def _check_manifest(source: Path, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
    stream = archive.extractfile(member)
    try:
        found = json.loads(stream.read(4096))["format"] if stream else None
    except (ValueError, KeyError, TypeError):
        found = None
    if found != FORMAT:
        raise LocalError(f"{source} has the format {found}, and this version reads {FORMAT}")


def _check_member(source: Path, member: tarfile.TarInfo) -> None:
    path = PurePosixPath(member.name)
    inside = not path.is_absolute() and ".." not in path.parts and path.parts[:1] in ((STATE,), (DATABASE,))
    if not inside or not (member.isfile() or member.isdir()):
        raise LocalError(f"{source} holds {member.name!r}, which no backup has: it is not restored")


def _put_in_place(unpacked: Path, state: Path, files: int) -> int:
    if not (unpacked / STATE / "api-keys.json").is_file():
        raise LocalError("the backup holds no stack")
    if state.exists():
        state.rmdir()
    (unpacked / STATE).chmod(0o700)
    (unpacked / STATE).rename(state)
    if (unpacked / DATABASE).exists():
        data = Postgres(state).data
        if data.exists():
            shutil.rmtree(state)
            raise LocalError(f"{data} exists already: move it away")
        data.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        owner = (unpacked / DATABASE).stat()
        os.chown(data.parent, owner.st_uid, owner.st_gid)
        shutil.move(unpacked / DATABASE, data)
    return files
