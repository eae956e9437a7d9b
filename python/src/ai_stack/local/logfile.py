"""Log files of children: kept bounded, and read for people."""

import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
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
            if size > window:
                del lines[0]  # it has no beginning
    except FileNotFoundError:
        return []
    return lines[-count:] if count else []


def summary(lines: Sequence[str]) -> str:
    """What the last lines of a log say about an end, in one line of bounded length; empty when there are none.

    Of the services' JSON lines that is the last error with the last line of its exception; of other programs,
    the last two lines.
    """
    for line in reversed(lines):
        try:
            entry = json.loads(line)
            if entry["level"] not in ("error", "critical"):
                continue
            parts = [str(entry["event"]), *str(entry.get("exception", "")).strip().splitlines()[-1:]]
        except (ValueError, KeyError, TypeError):
            break
        return shorten(": ".join(parts))
    return " | ".join(shorten(line.strip()) for line in lines[-2:])


def shorten(text: str, limit: int = 300) -> str:
    """`text`, cut to `limit` characters."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def pause_briefly() -> None:
    """Wait until it is worth to look again."""
    time.sleep(0.2)


def follow(paths: Sequence[Path], pause: Callable[[], object] = pause_briefly) -> Iterator[tuple[Path, str]]:
    """Yield lines as they are appended to logs, for ever; a log that was emptied is read from its start.

    Args:
        paths: the logs; they need not exist yet.
        pause: called between two looks.
    """
    positions = {path: path.stat().st_size if path.exists() else 0 for path in paths}
    while True:
        for path, position in positions.items():
            size = path.stat().st_size if path.exists() else 0
            if size == position:
                continue
            with path.open("rb") as stream:
                stream.seek(position if size > position else 0)
                text = stream.read()
            # A line that is still being written is left for the next look.
            whole = text[: text.rfind(b"\n") + 1]
            positions[path] = (position if size > position else 0) + len(whole)
            for line in whole.decode(errors="replace").splitlines():
                yield path, line
        pause()
