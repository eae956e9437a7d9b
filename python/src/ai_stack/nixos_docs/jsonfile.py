"""JSON files that others made."""

import gzip
import zlib
from pathlib import Path
from typing import Any

import orjson

from ai_stack.nixos_docs.sources import SourceError

# Far more than options.json (some 25 MB) and packages.json (some 100 MB) have.
MAX_BYTES = 512 * 1024 * 1024


class JsonFileError(SourceError):
    """A file cannot be used."""


def read_json(path: Path) -> Any:
    """Return the content of a JSON file, compressed with gzip or not.

    Raises:
        JsonFileError: it cannot be read, or is no JSON, or is too large.
    """
    try:
        content = path.read_bytes()
        if content.startswith(b"\x1f\x8b"):
            with gzip.open(path) as file:
                content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise JsonFileError(f"{path}: larger than {MAX_BYTES} bytes")
        return orjson.loads(content)
    except (orjson.JSONDecodeError, EOFError, zlib.error) as error:
        raise JsonFileError(f"{path}: not JSON: {error}") from None
    except OSError as error:
        raise JsonFileError(f"{path}: {error.strerror or error}") from None
