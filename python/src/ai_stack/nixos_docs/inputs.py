"""What an index is built from."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ai_stack.nixos_docs import schema
from ai_stack.nixos_docs.nix.renames import module_files
from ai_stack.nixos_docs.sources import Source, SourceError, SourceFile, files_of
from ai_stack.service.logs import get_logger

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Inputs:
    """What to index.

    Attributes:
        sources: of documentation.
        options: `options.json`; None for no options.
        packages: `packages.json`; None for no packages.
        modules: directories of Nix modules, which say what options were renamed or removed.
        release: the NixOS release that all this is of; None takes it from the options, where they tell.
    """

    sources: Sequence[Source] = ()
    options: Path | None = None
    packages: Path | None = None
    modules: Sequence[Path] = ()
    release: str | None = None


def read_files(sources: Sequence[Source]) -> list[tuple[SourceFile, bytes]]:
    """Return the documentation files of the sources with their contents; none without sources.

    A file that this user may not read is left out.

    Raises:
        SourceError: they cannot be read.
    """
    if not sources:
        return []
    found = []
    try:
        for file in files_of(sources):
            try:
                found.append((file, file.location.read_bytes()))
            except PermissionError:
                log.warning("documents.unreadable", path=str(file.location))
    except OSError as error:
        raise SourceError(f"{error.filename}: {error.strerror}") from error
    if not found:
        raise SourceError("no documentation file can be read")
    return found


def digest_of(inputs: Inputs, files: Iterable[tuple[SourceFile, bytes]]) -> str:
    """Return the SHA-256 (hex) of everything that an index depends on.

    Args:
        inputs: what it is built from.
        files: of `inputs.sources`, as `read_files` returns them.

    Raises:
        SourceError: an input cannot be read.
    """
    digest = hashlib.sha256(f"schema {schema.SCHEMA_VERSION}\nrelease {inputs.release}\n".encode())
    for source in sorted(inputs.sources, key=lambda source: source.name):
        digest.update(f"source {source.name} {source.base_url}\n".encode())
    for file, content in files:
        digest.update(f"file {file.path} {hashlib.sha256(content).hexdigest()}\n".encode())
    for kind, path in _other_files(inputs):
        try:
            with path.open("rb") as stream:
                digest.update(f"{kind} {hashlib.file_digest(stream, 'sha256').hexdigest()}\n".encode())
        except OSError as error:
            raise SourceError(f"{path}: {error.strerror}") from error
    return digest.hexdigest()


def _other_files(inputs: Inputs) -> Iterator[tuple[str, Path]]:
    if inputs.options is not None:
        yield "options", inputs.options
    if inputs.packages is not None:
        yield "packages", inputs.packages
    for root in inputs.modules:
        for path in module_files(root):
            yield f"module {path.relative_to(root)}", path
