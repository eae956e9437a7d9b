"""Commands of the documentation, read so that a test can run them."""

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: Every page that people read commands from.
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))


@dataclass(frozen=True)
class Command:
    """One command of a page.

    Attributes:
        page: where it stands, below the root.
        words: as a shell would split them; variables are left as they are.
    """

    page: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page}: {' '.join(self.words)[:60]}"


@dataclass(frozen=True)
class HttpRequest:
    """What a `curl` command sends."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: str | None


def blocks(page: Path) -> list[str]:
    """The shell blocks of a page."""
    return re.findall(r"^```bash\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)


def commands() -> Iterator[Command]:
    """Every command of every page, in order; one of a pipe each."""
    for page in PAGES:
        for block in blocks(page):
            for line in _logical_lines(block):
                words = tuple(shlex.split(line, comments=True))
                if words:
                    yield Command(str(page.relative_to(ROOT)), words)


def _logical_lines(block: str) -> Iterator[str]:
    """Lines as a shell reads them: a backslash, an open quote or a pipe at the end goes on."""
    waiting = ""
    for line in block.splitlines():
        waiting += line.removesuffix("\\") if line.endswith("\\") else f"{line}\n"
        if line.endswith("\\") or line.rstrip().endswith("|"):
            continue
        try:
            shlex.split(waiting, comments=True)
        except ValueError:
            continue  # inside of a quotation
        yield waiting
        waiting = ""
    assert not waiting.strip(), f"a command without an end: {waiting}"


def read_curl(words: tuple[str, ...]) -> HttpRequest:
    """Read the options of curl that the pages use.

    Raises:
        ValueError: an option that they do not use yet.
    """
    method, url, body = None, "", None
    headers: dict[str, str] = {}
    rest = iter(words[1:])
    for word in rest:
        match word:
            case "-H" | "--header":
                name, _, value = next(rest).partition(":")
                headers[name] = value.strip()
            case "-X" | "--request":
                method = next(rest)
            case "--json":
                body = next(rest)
                headers["Content-Type"] = headers["Accept"] = "application/json"
            case "--data-binary":
                body = next(rest)
            case "-N" | "-s" | "--no-buffer":
                pass
            case _ if word.startswith("-"):
                raise ValueError(f"curl {word}")
            case _:
                url = word
    return HttpRequest(method or ("POST" if body is not None else "GET"), url, headers, body)
