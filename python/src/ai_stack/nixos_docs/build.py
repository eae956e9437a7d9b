"""Builds the index: `python -m ai_stack.nixos_docs.build --docs DIR… -o FILE`.

The same documents give the same bytes (with the same SQLite version), so an index can be built ahead, compared and
cached. It holds no time of its own.
"""

import argparse
import contextlib
import fcntl
import hashlib
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ai_stack.nixos_docs import schema
from ai_stack.nixos_docs.opening import IndexRefused, full_text_summaries, validate
from ai_stack.nixos_docs.sections import parse_document
from ai_stack.nixos_docs.sources import Source, SourceError, SourceFile, files_of, sources_below
from ai_stack.nixos_docs.writer import IndexWriter


class BuildError(Exception):
    """The index could not be written. The message is for the operator."""


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What an index was built from: counts, and the digest that tells whether it still is up to date."""

    files: int
    sections: int
    content_digest: str


def content_digest(sources: Sequence[Source]) -> str:
    """Return the SHA-256 (hex) of everything that an index over these sources depends on.

    Raises:
        SourceError: the sources cannot be read.
    """
    return _digest(sources, _read(files_of(sources)))


def build_index(sources: Sequence[Source], target: Path, *, stopped: Callable[[], bool] = lambda: False) -> BuildReport:
    """Write an index over all documents of the sources to `target`, in place of whatever is there, in one step.

    Blocking: takes about a second per two megabytes of text.

    Args:
        sources: what to index.
        target: the file to write; it is replaced by a rename, when the new one has proved to be whole.
        stopped: asked before each document; true ends the work, with a `BuildError`.

    Raises:
        SourceError: the sources cannot be read.
        BuildError: the index cannot be written, or holds no text.
    """
    files = _read(files_of(sources))
    digest = _digest(sources, files)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _locked(target.with_name(f".{target.name}.new")) as (temporary, descriptor):
            sections = _write(temporary, files, digest, stopped)
            validate(temporary)
            os.fsync(descriptor)
            temporary.replace(target)
        _sync_directory(target.parent)
    except (OSError, sqlite3.Error, IndexRefused) as error:
        raise BuildError(f"{target}: {error}") from error
    return BuildReport(files=len(files), sections=sections, content_digest=digest)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[tuple[Path, int]]:
    """Create an empty file that no other process builds at the same time; yield its path and its descriptor.

    The name is fixed, so that what a killed process left is used up by the next one.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Between opening and locking, the other process may have made this very file the index.
        if not path.exists() or not os.path.samestat(path.stat(), os.fstat(descriptor)):
            raise BlockingIOError
        try:
            os.truncate(descriptor, 0)
            yield path, descriptor
        finally:
            if path.exists() and os.path.samestat(path.stat(), os.fstat(descriptor)):
                path.unlink()
    except BlockingIOError:
        raise BuildError(f"{path}: another process is building this index") from None
    finally:
        os.close(descriptor)


def _read(files: Sequence[SourceFile]) -> list[tuple[SourceFile, bytes]]:
    try:
        return [(file, file.location.read_bytes()) for file in files]
    except OSError as error:
        raise SourceError(f"{error.filename}: {error.strerror}") from error


def _digest(sources: Sequence[Source], files: Sequence[tuple[SourceFile, bytes]]) -> str:
    digest = hashlib.sha256(f"schema {schema.SCHEMA_VERSION}\n".encode())
    for source in sorted(sources, key=lambda source: source.name):
        digest.update(f"source {source.name} {source.base_url}\n".encode())
    for file, content in files:
        digest.update(f"file {file.path} {hashlib.sha256(content).hexdigest()}\n".encode())
    return digest.hexdigest()


def _write(path: Path, files: Sequence[tuple[SourceFile, bytes]], digest: str, stopped: Callable[[], bool]) -> int:
    """Fill the database at `path`, an empty file; returns the number of sections."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        # A crash leaves only a temporary file behind, so there is nothing to keep consistent before the rename.
        database.execute("PRAGMA journal_mode = OFF")
        database.execute("PRAGMA synchronous = OFF")
        database.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        database.execute(f"PRAGMA user_version = {schema.SCHEMA_VERSION}")
        database.executescript(schema.DDL)
        database.execute("BEGIN")
        writer = IndexWriter(database)
        for file, content in files:
            if stopped():
                raise BuildError("stopped")
            writer.add(file, parse_document(content.decode("utf-8", "replace"), file.path))
        writer.finish(digest, len(files))
        database.execute("COMMIT")
        for table in schema.FULL_TEXT_TABLES:
            database.execute(f"INSERT INTO {table}({table}) VALUES ('optimize')")  # noqa: S608 - constants
        database.executemany("INSERT INTO meta VALUES (?, ?)", full_text_summaries(database))
        database.execute("VACUUM")
    return writer.sections


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def main(arguments: Sequence[str] | None = None) -> int:
    """Build an index from the command line."""
    parser = argparse.ArgumentParser(prog="nixos-docs build", description="Build the documentation index.")
    parser.add_argument(
        "--docs",
        type=Path,
        action="extend",
        nargs="+",
        required=True,
        metavar="DIR",
        help="directory whose folders are one source each",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="the index to write")
    options = parser.parse_args(arguments)
    try:
        report = build_index([source for root in options.docs for source in sources_below(root)], options.output)
    except (SourceError, BuildError) as error:
        sys.stderr.write(f"nixos-docs build: {error}\n")
        return 1
    sys.stdout.write(f"{options.output}: {report.sections} sections of {report.files} files\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
