"""Vectors on disk: one SQLite file for each model, found by what was embedded.

Computing them takes minutes. Each batch is kept as soon as it is there, so that work goes on where it stopped, and a
renewed index needs only the vectors of what is new in it.
"""

import contextlib
import re
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ai_stack.nixos_docs.semantic.embedder import ModelIdentity

# "NVEC"
_APPLICATION_ID = 0x4E564543
_NAME = re.compile(r"vectors-[0-9a-f]{16}\.sqlite")


class VectorsUnusable(Exception):
    """The file of vectors cannot be read or written. The message is for the operator."""


def store_path(directory: Path, identity: ModelIdentity) -> Path:
    """Return where the vectors of a model are kept."""
    readable = re.sub(r"[^0-9a-f]", "", identity.revision.lower())
    return directory / f"vectors-{readable[:16]:0<16}.sqlite"


class VectorStore:
    """The vectors of one model. To be used by one thread at a time.

    Args:
        directory: where it is kept.
        identity: of the model.

    Raises:
        VectorsUnusable: it cannot be opened, or holds the vectors of another model.
    """

    def __init__(self, directory: Path, identity: ModelIdentity) -> None:
        self._path = store_path(directory, identity)
        self._identity = identity
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
            self._prepare()
        except (OSError, sqlite3.Error) as error:
            raise VectorsUnusable(f"{self._path}: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def known(self, keys: Iterable[bytes]) -> set[bytes]:
        """Return those of the keys that have a vector."""
        present = {key for (key,) in self._database.execute("SELECT key FROM vectors")}
        return present.intersection(keys)

    def add(self, keys: Sequence[bytes], vectors: NDArray[np.float32]) -> None:
        """Keep some vectors, one row for each key.

        Raises:
            VectorsUnusable: they cannot be written.
        """
        try:
            self._database.execute("BEGIN")
            self._database.executemany(
                "INSERT OR REPLACE INTO vectors VALUES (?, ?)",
                ((key, vector.astype("<f2").tobytes()) for key, vector in zip(keys, vectors, strict=True)),
            )
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            raise VectorsUnusable(f"{self._path}: {error}") from error

    def matrix(self, keys: Sequence[bytes]) -> NDArray[np.float32]:
        """Return the vectors of the keys, one row each, for each of which there must be one.

        Raises:
            VectorsUnusable: one is missing or damaged.
        """
        matrix = np.zeros((len(keys), self._identity.dimensions), np.float32)
        try:
            for row, key in enumerate(keys):
                (vector,) = self._database.execute("SELECT vector FROM vectors WHERE key = ?", (key,)).fetchone()
                matrix[row] = np.frombuffer(vector, "<f2")
        except (sqlite3.Error, TypeError, ValueError) as error:
            raise VectorsUnusable(f"{self._path}: a vector is missing or damaged") from error
        if not np.isfinite(matrix).all():
            raise VectorsUnusable(f"{self._path}: a vector is damaged")
        return matrix

    def keep_only(self, keys: Iterable[bytes]) -> None:
        """Drop the vectors of all other keys, and the files of all other models."""
        with contextlib.suppress(sqlite3.Error, OSError):
            unused = {key for (key,) in self._database.execute("SELECT key FROM vectors")}.difference(keys)
            self._database.execute("BEGIN")
            self._database.executemany("DELETE FROM vectors WHERE key = ?", ((key,) for key in unused))
            self._database.execute("COMMIT")
            for path in self._path.parent.iterdir():
                if _NAME.fullmatch(path.name) and path != self._path:
                    path.unlink()

    def _prepare(self) -> None:
        (application,) = self._database.execute("PRAGMA application_id").fetchone()
        if application not in (0, _APPLICATION_ID):
            raise VectorsUnusable(f"{self._path}: not a file of vectors")
        (tables,) = self._database.execute("SELECT count(*) FROM sqlite_master WHERE name = 'model'").fetchone()
        if not tables:
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            self._database.execute("BEGIN IMMEDIATE")
            self._database.execute("CREATE TABLE model (identity TEXT NOT NULL)")
            self._database.execute("CREATE TABLE vectors (key BLOB PRIMARY KEY, vector BLOB NOT NULL) WITHOUT ROWID")
            self._database.execute("INSERT INTO model VALUES (?)", (self._identity.model_dump_json(),))
            self._database.execute("COMMIT")
        (stored,) = self._database.execute("SELECT identity FROM model").fetchone()
        if stored != self._identity.model_dump_json():
            other = ModelIdentity.model_validate_json(stored)
            raise VectorsUnusable(f"{self._path}: holds vectors of {other}, not of {self._identity}")
