"""Opens index files, and refuses those that are not whole."""

import contextlib
import hashlib
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from ai_stack.nixos_docs import schema

# The Nix store gives every file this time, which says nothing about when it was made.
_STORE_TIME = 1


class IndexRefused(Exception):
    """The file is not an index that can be used. The message names no path."""


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """A source in an index. `web_url` is empty for one that is not published."""

    name: str
    title: str
    kind: str
    web_url: str
    files: int
    sections: int


@dataclass(frozen=True, slots=True)
class IndexInfo:
    """A validated index file and what it holds.

    `identity` is its device and inode: the path may be given to another file at any time. `built_at` is None when the
    file does not tell (in the Nix store). `release` is the NixOS release it is of, None when that is not known.
    """

    path: Path
    identity: tuple[int, int]
    content_digest: str
    sources: tuple[SourceInfo, ...]
    documents: int
    sections: int
    options: int
    packages: int
    release: str | None
    size_bytes: int
    built_at: datetime | None


def connect(path: Path) -> sqlite3.Connection:
    """Open an index for reading, for use by one thread at a time.

    The file must never be written in place (SQLite is told that it does not change); replace it by renaming.

    Raises:
        sqlite3.Error
    """
    # `immutable` spares locks and works in a read-only directory: https://www.sqlite.org/uri.html
    location = f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1"
    return sqlite3.connect(location, uri=True, isolation_level=None, check_same_thread=False)


def full_text_summaries(database: sqlite3.Connection) -> list[tuple[str, str]]:
    """Return, for each full-text table, its name and the number of its terms and of their occurrences."""
    summaries = []
    for table in schema.FULL_TEXT_TABLES:
        database.execute(f"CREATE VIRTUAL TABLE temp.{table}_terms USING fts5vocab(main, {table}, row)")
        terms, occurrences = database.execute(
            f"SELECT count(*), total(cnt) FROM temp.{table}_terms"  # noqa: S608 - constants
        ).fetchone()
        database.execute(f"DROP TABLE temp.{table}_terms")
        summaries.append((table, f"{terms} {occurrences:.0f}"))
    return summaries


def lexicon_digests(database: sqlite3.Connection) -> list[tuple[str, str]]:
    """Return, for each lexicon, the name of its table of terms and the SHA-256 (hex) of that."""
    digests = []
    for kind in schema.LEXICONS:
        digest = hashlib.sha256()
        for term, numbers, scores in database.execute(
            f"SELECT term, numbers, scores FROM {kind}_terms ORDER BY term"  # noqa: S608 - constants
        ):
            digest.update(f"{term} {len(numbers)} {len(scores)}\n".encode())
            digest.update(numbers)
            digest.update(scores)
        digests.append((f"{kind}_terms", digest.hexdigest()))
    return digests


def validate(path: Path) -> IndexInfo:
    """Read an index through and return what it holds. Blocking: some 50 ms for a few thousand sections.

    Raises:
        IndexRefused: missing, no index, of another layout, damaged or empty.
    """
    try:
        status = path.stat()
        with contextlib.closing(connect(path)) as database:
            _check_layout(database)
            _check_pages(database)
            meta = dict(database.execute("SELECT key, value FROM meta").fetchall())
            _check_full_text(database, meta)
            counts = _check_counts(database, meta)
            rows = database.execute("SELECT name, title, kind, web_url, files, sections FROM sources ORDER BY name")
            sources = tuple(SourceInfo(*row) for row in rows)
        digest = str(meta["content_digest"])
    except OSError as error:
        raise IndexRefused(f"the file cannot be read: {error.strerror}") from error
    except (sqlite3.Error, KeyError, ValueError) as error:
        raise IndexRefused("the file is not an index or is damaged") from error
    built = int(status.st_mtime)
    return IndexInfo(
        path=path,
        identity=(status.st_dev, status.st_ino),
        content_digest=digest,
        sources=sources,
        documents=counts["documents"],
        sections=counts["sections"],
        options=counts["options"],
        packages=counts["packages"],
        release=meta["release"] or None,
        size_bytes=status.st_size,
        built_at=None if built <= _STORE_TIME else datetime.fromtimestamp(built, UTC),
    )


def _check_layout(database: sqlite3.Connection) -> None:
    if database.execute("PRAGMA application_id").fetchone()[0] != schema.APPLICATION_ID:
        raise IndexRefused("the file is not a documentation index")
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version != schema.SCHEMA_VERSION:
        raise IndexRefused(f"the index has layout {version}, this version needs {schema.SCHEMA_VERSION}: build it anew")


def _check_pages(database: sqlite3.Connection) -> None:
    if database.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        raise IndexRefused("the index is damaged")


def _check_full_text(database: sqlite3.Connection, meta: dict[str, str]) -> None:
    # quick_check knows nothing of full-text data; reading the whole vocabulary reads all of it.
    for table, summary in full_text_summaries(database):
        if meta[table] != summary:
            raise IndexRefused("the full-text data of the index is damaged")
    for name, digest in lexicon_digests(database):
        if meta[name] != digest:
            raise IndexRefused("the words of the index are damaged")


def _check_counts(database: sqlite3.Connection, meta: dict[str, str]) -> dict[str, int]:
    counts = {name: int(meta[name]) for name in schema.COUNTED.values()}
    for table, name in schema.COUNTED.items():
        count = database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - constants
        if count != counts[name]:
            raise IndexRefused(f"the index has {count} {table}, it should have {counts[name]}")
    if not any((counts["sections"], counts["options"], counts["packages"])):
        raise IndexRefused("the index is empty")
    return counts


def is_same_file(info: IndexInfo) -> bool:
    """Whether the path still leads to the file that was validated."""
    try:
        status = info.path.stat()
    except OSError:
        return False
    return (status.st_dev, status.st_ino) == info.identity
