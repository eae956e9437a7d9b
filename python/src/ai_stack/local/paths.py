"""Private directories and files, and a home for sockets whose path may not be long."""

import contextlib
import hashlib
import os
import secrets
import stat
import tempfile
from pathlib import Path

from ai_stack.local.errors import LocalError

# sun_path of unix(7) holds 108 bytes with the final NUL.
SOCKET_PATH_LIMIT = 107
LONGEST_SOCKET_NAME = len("/.s.PGSQL.5432")


def private_directory(path: Path) -> Path:
    """Create `path` with mode 0700 if missing, and refuse one that another user owns.

    Returns:
        `path`, absolute.

    Raises:
        LocalError: it cannot be created, or belongs to somebody else.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise LocalError(f"{path} belongs to somebody else: choose another state directory")
        if stat.S_IMODE(found.st_mode) != 0o700:
            path.chmod(0o700)
    except OSError as error:
        raise LocalError(f"cannot use the directory {path}: {error.strerror}") from error
    return path.absolute()


def write_private(path: Path, text: str, *, mode: int = 0o600, group: int | None = None) -> None:
    """Replace `path` by a file of `mode` that holds `text`; a reader sees the old file or the new one.

    Args:
        path: the file.
        text: its content.
        mode: its permissions.
        group: id of its group; the caller's own when None.

    Raises:
        LocalError: the file could not be written.
    """
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(text)
                stream.flush()
                if group is not None and group != os.fstat(stream.fileno()).st_gid:
                    os.fchown(stream.fileno(), -1, group)
                os.fchmod(stream.fileno(), mode)
                os.fsync(stream.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise LocalError(f"cannot write {path}: {error.strerror}") from error


def secret(path: Path) -> str:
    """The secret kept in the 0600 file `path`; 256 random bits when there is none yet."""
    try:
        value = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        value = ""
    if not value:
        value = secrets.token_urlsafe(32)
        write_private(path, value + "\n")
    return value


def path_digest(path: Path) -> str:
    """A short stable name for `path`, for directories that live elsewhere because of it."""
    return hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:12]


def socket_directory(state: Path) -> Path:
    """A private directory for Unix sockets: inside `state`, or in the run-time directory if that is too long.

    Args:
        state: the state directory of the stack.

    Raises:
        LocalError: every candidate is too long or belongs to somebody else.
    """
    for candidate in socket_candidates(state):
        fits = len(os.fsencode(candidate)) + LONGEST_SOCKET_NAME <= SOCKET_PATH_LIMIT
        if fits and candidate.parent.is_dir():
            return private_directory(candidate)
    raise LocalError("no directory is short enough for a socket, and /tmp is missing")


def remove_socket_directory(state: Path) -> None:
    """Remove what `socket_directory` made, if it is empty and hence unused."""
    for candidate in socket_candidates(state):
        with contextlib.suppress(OSError):
            candidate.rmdir()


def socket_candidates(state: Path) -> list[Path]:
    """Where sockets may lie, best first."""
    outside = f"ai-stack-{os.geteuid()}-{path_digest(state)}"
    parents = [Path(os.environ.get("XDG_RUNTIME_DIR") or "/tmp"), Path(tempfile.gettempdir()), Path("/tmp")]  # noqa: S108 -- checked for owner
    return [state.absolute() / "run", *(parent / outside for parent in parents)]
