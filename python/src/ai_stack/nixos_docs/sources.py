"""Documentation sources: directories, and the files that belong to each."""

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ai_stack.nixos_docs.sections import SUFFIXES
from ai_stack.service.logs import get_logger

#: What a source may be called: it is the first part of every path.
SOURCE_NAME = r"^[^/\x00-\x1f.][^/\x00-\x1f]{0,254}$"

# No documentation page is near this size; larger files are data with a misleading name.
MAX_FILE_BYTES = 4 * 1024 * 1024

log = get_logger(__name__)


class SourceError(Exception):
    """The configured documentation cannot be read. The message is for the operator."""


@dataclass(frozen=True, slots=True)
class Source:
    """A directory of documentation. `base_url` is where it is published, its pages having the same relative paths."""

    name: str
    root: Path
    base_url: str | None = None
    recursive: bool = True


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One documentation file; `path` is `<source>/<path below the source's root>`."""

    source: Source
    path: str
    location: Path


def sources_below(root: Path) -> list[Source]:
    """Return the sources of a directory whose folders are one source each.

    Files directly in the directory are a source named after it.

    Raises:
        SourceError: not a directory, or it cannot be read.
    """
    resolved = _directory(root)
    try:
        entries = sorted(resolved.iterdir())
    except OSError as error:
        raise SourceError(f"{root}: {error.strerror}") from error
    found = []
    if any(entry.is_file() and entry.suffix.lower() in SUFFIXES for entry in entries):
        found.append(Source(name=root.absolute().name or "root", root=resolved, recursive=False))
    # A folder may be a link: a directory of links is how a NixOS configuration puts sources together.
    found.extend(
        Source(name=entry.name, root=entry.resolve())
        for entry in entries
        if entry.is_dir() and not entry.name.startswith(".") and _is_text(entry.name)
    )
    return found


def files_of(sources: Iterable[Source]) -> list[SourceFile]:
    """Return the documentation files of all sources, sorted by path.

    Raises:
        SourceError: a directory is missing, two files have the same path, or there is no file at all.
    """
    files: dict[str, SourceFile] = {}
    for source in sources:
        root = _directory(source.root)
        try:
            locations = list(_walk(root, source.recursive))
        except OSError as error:
            raise SourceError(f"{error.filename}: {error.strerror}") from error
        for location in locations:
            path = f"{source.name}/{location.relative_to(root).as_posix()}"
            if path in files:
                raise SourceError(f"{files[path].location} and {location} would both be {path}: name the sources apart")
            files[path] = SourceFile(source=source, path=path, location=location)
    if not files:
        raise SourceError(f"no documentation file ({', '.join(sorted(SUFFIXES))}) in any source")
    return [files[path] for path in sorted(files)]


def _walk(root: Path, recursive: bool) -> Iterator[Path]:
    """Yield the documentation files below a directory. Hidden ones and links are left out: a link may lead anywhere."""

    def refused(error: OSError) -> None:
        if not isinstance(error, PermissionError) or error.filename == str(root):
            raise error
        log.warning("documents.unreadable", path=error.filename)

    for directory, folders, names in os.walk(root, onerror=refused):
        folders[:] = [name for name in folders if recursive and not name.startswith(".") and _is_text(name)]
        for name in names:
            location = Path(directory, name)
            if name.startswith(".") or location.suffix.lower() not in SUFFIXES or location.is_symlink():
                continue
            if not _is_text(name):
                continue
            status = location.stat()
            if not stat.S_ISREG(status.st_mode):
                continue  # to open a pipe would wait for its writer
            size = status.st_size
            if size > MAX_FILE_BYTES:
                log.warning("documents.too_large", path=str(location), bytes=size, limit=MAX_FILE_BYTES)
                continue
            yield location


def _directory(path: Path) -> Path:
    resolved = path.resolve()
    if not resolved.is_dir():
        raise SourceError(f"{path}: not a directory")
    return resolved


def _is_text(name: str) -> bool:
    """Whether a file name is UTF-8. Linux allows any bytes; what is not text cannot be told in an answer."""
    try:
        name.encode()
    except UnicodeEncodeError:
        log.warning("documents.unnameable", name=ascii(name))
        return False
    return True
