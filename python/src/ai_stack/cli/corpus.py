"""Documents in a directory, and the batches they are sent in."""

import base64
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ai_stack.local.errors import LocalError

PDF = ".pdf"
SUFFIXES = frozenset({".md", ".markdown", ".rst", ".txt", ".html", ".htm", ".py", ".nix", PDF})
# What aidb accepts of one document.
LARGEST_DOCUMENT = 1_048_576
LARGEST_PDF = 4 * 1024 * 1024
LONGEST_PATH = 1024
BEST_PRACTICES = "best-practices.jsonl"


@dataclass(frozen=True)
class Document:
    """A document that is to be stored: path below the corpus, and its text, or in base64 what is no text."""

    path: str
    content: str
    encoding: Literal["text", "base64"] = "text"

    @property
    def size(self) -> int:
        """About how many bytes it takes in a request."""
        return len(self.content.encode()) + len(self.path)


@dataclass(frozen=True)
class Skipped:
    """A file that cannot be stored, and why."""

    path: str
    reason: str


def find_documents(corpus: Path) -> list[Path]:
    """The documents below a directory, sorted; hidden files and links are left out.

    Raises:
        LocalError: not a readable directory, or no document in it.
    """
    if not corpus.is_dir():
        raise LocalError(f"{corpus} is not a directory: name one with documents ({_known()})")
    found = []
    for directory, folders, names in os.walk(corpus):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [
            path
            for name in names
            if not name.startswith(".") and (path := Path(directory, name)).suffix.lower() in SUFFIXES
            if path.is_file() and not path.is_symlink()
        ]
    if not found:
        raise LocalError(f"{corpus} holds no document ({_known()})")
    return sorted(found)


def read_document(corpus: Path, path: Path) -> Document | Skipped:
    """Read one file; what aidb would refuse is skipped with the reason."""
    name = path.relative_to(corpus).as_posix()
    try:
        if len(name) > LONGEST_PATH:
            return Skipped(name, f"path longer than {LONGEST_PATH} characters")
        name.encode()
        is_pdf = path.suffix.lower() == PDF
        largest = LARGEST_PDF if is_pdf else LARGEST_DOCUMENT
        if path.stat().st_size > largest:
            return Skipped(name, f"larger than {largest} bytes")
        raw = path.read_bytes()
        if is_pdf:
            return Document(name, base64.b64encode(raw).decode(), "base64") if raw else Skipped(name, "empty")
        content = raw.decode()
    except OSError as error:
        return Skipped(name, error.strerror or "cannot be read")
    except UnicodeError:
        return Skipped(name.encode(errors="replace").decode(), "not UTF-8")
    if "\0" in content:
        return Skipped(name, "holds NUL bytes")
    if not content.strip():
        return Skipped(name, "empty")
    return Document(name, content)


def _known() -> str:
    return ", ".join(sorted(SUFFIXES))


def batches(documents: Iterable[Document], count: int, size: int) -> Iterator[list[Document]]:
    """Group documents in order, at most `count` and about `size` bytes a group; a larger document stays alone."""
    group: list[Document] = []
    taken = 0
    for document in documents:
        if group and (len(group) == count or taken + document.size > size):
            yield group
            group, taken = [], 0
        group.append(document)
        taken += document.size
    if group:
        yield group


def best_practices(corpus: Path) -> list[dict[str, Any]]:
    """The items of the corpus's file of best practices, none when there is no file.

    Raises:
        LocalError: the file cannot be read, or is not JSON lines.
    """
    path = corpus / BEST_PRACTICES
    if not path.is_file():
        return []
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
    except OSError as error:
        raise LocalError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise LocalError(f"{path} is not a file of JSON lines: {error}") from error
