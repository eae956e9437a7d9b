"""Builds the index.

The same inputs give the same bytes (with the same SQLite version), so an index can be built ahead, compared and
cached. It holds no time of its own.
"""

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ai_stack.nixos_docs import schema
from ai_stack.nixos_docs.catalogue_writer import write_catalogue
from ai_stack.nixos_docs.inputs import Inputs, digest_of, read_files
from ai_stack.nixos_docs.opening import IndexRefused, full_text_summaries, lexicon_digests, validate
from ai_stack.nixos_docs.sections import parse_document
from ai_stack.nixos_docs.sources import SourceFile
from ai_stack.nixos_docs.writer import IndexWriter


class BuildError(Exception):
    """The index could not be written. The message is for the operator."""


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What an index holds: counts, the release it is of, and the digest that tells whether it still is up to date."""

    files: int
    sections: int
    options: int
    renames: int
    packages: int
    release: str | None
    content_digest: str


def content_digest(inputs: Inputs) -> str:
    """Return the SHA-256 (hex) of everything that an index over these inputs depends on.

    Raises:
        SourceError: they cannot be read.
    """
    return digest_of(inputs, read_files(inputs.sources))


def build_index(inputs: Inputs, target: Path, *, stopped: Callable[[], bool] = lambda: False) -> BuildReport:
    """Write an index to `target`, in place of whatever is there, in one step.

    Blocking: takes about a second per two megabytes of documentation, and some ten seconds for all options of NixOS.

    Args:
        inputs: what to index.
        target: the file to write; it is replaced by a rename, when the new one has proved to be whole.
        stopped: asked again and again; true ends the work, with a `BuildError`.

    Raises:
        SourceError: an input cannot be read.
        BuildError: the index cannot be written, or holds nothing.
    """

    def check() -> None:
        if stopped():
            raise BuildError("stopped")

    files = read_files(inputs.sources)
    digest = digest_of(inputs, files)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _locked(target.with_name(f".{target.name}.new")) as (temporary, descriptor):
            report = _write(temporary, inputs, files, digest, check)
            validate(temporary)
            os.fsync(descriptor)
            temporary.replace(target)
        _sync_directory(target.parent)
    except (OSError, sqlite3.Error, IndexRefused) as error:
        raise BuildError(f"{target}: {error}") from error
    return report


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


def _write(
    path: Path, inputs: Inputs, files: Sequence[tuple[SourceFile, bytes]], digest: str, check: Callable[[], None]
) -> BuildReport:
    """Fill the database at `path`, an empty file."""
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
            check()
            writer.add(file, parse_document(content.decode("utf-8", "replace"), file.path))
        writer.finish()
        catalogue = write_catalogue(database, inputs, check)
        report = BuildReport(
            files=len(files),
            sections=writer.sections,
            options=catalogue.options,
            renames=catalogue.renames,
            packages=catalogue.packages,
            release=catalogue.release,
            content_digest=digest,
        )
        database.executemany(
            "INSERT INTO meta VALUES (?, ?)",
            [
                ("content_digest", digest),
                ("documents", str(report.files)),
                ("sections", str(report.sections)),
                ("options", str(report.options)),
                ("packages", str(report.packages)),
                ("release", report.release or ""),
            ],
        )
        database.execute("COMMIT")
        for table in schema.FULL_TEXT_TABLES:
            database.execute(f"INSERT INTO {table}({table}) VALUES ('optimize')")  # noqa: S608 - constants
        database.executemany("INSERT INTO meta VALUES (?, ?)", full_text_summaries(database))
        database.executemany("INSERT INTO meta VALUES (?, ?)", lexicon_digests(database))
        database.execute("VACUUM")
    return report


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
