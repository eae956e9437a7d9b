"""Log files of children: kept bounded, and read for people."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

LIMIT_BYTES = 10 * 1024 * 1024


def bound(path: Path, limit: int = LIMIT_BYTES) -> None:
    """Move what a log holds to ``<name>.1`` when it has grown past `limit` bytes.

    The child keeps its open file, so the content is copied and the file emptied: children append, hence
    go on at the new end. Lines written between the two steps are lost.
    """
    try:
        if path.stat().st_size <= limit:
            return
        shutil.copyfile(path, path.with_name(f"{path.name}.1"))
        with path.open("r+b") as stream:
            stream.truncate(0)
    except FileNotFoundError:
        return


def last_lines(path: Path, count: int, window: int = 256 * 1024) -> list[str]:
    """The last `count` lines of a log, of at most `window` bytes; none when there is no file."""
    try:
        with path.open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(max(0, size - window))
            lines = stream.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return []
    return lines[-count:]


def follow(path: Path, pause: float = 0.2) -> Iterator[str]:
    """Yield text as it is appended to a log, for ever; a log that was emptied is read from its start."""
    position = path.stat().st_size if path.exists() else 0
    while True:
        size = path.stat().st_size if path.exists() else 0
        if size < position:
            position = 0
        if size > position:
            with path.open("rb") as stream:
                stream.seek(position)
                text = stream.read(size - position)
            position += len(text)
            yield text.decode(errors="replace")
        time.sleep(pause)
