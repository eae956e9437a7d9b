"""The documentation as text: pages, headings, code blocks."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
DOCS = ROOT / "docs"

_FENCE = re.compile(r"^(```+)(\w*)[^\n]*\n(.*?)^\1\s*$", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)


@dataclass(frozen=True)
class CodeBlock:
    """A fenced block and the language it names."""

    language: str
    text: str


def pages() -> list[Path]:
    """Every page of the documentation, and those at the top of the tree."""
    return sorted([*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "CHANGELOG.md"])


def code_blocks(page: Path) -> Iterator[CodeBlock]:
    """The fenced code blocks of a page, in order."""
    for match in _FENCE.finditer(page.read_text("utf-8")):
        yield CodeBlock(match[2], match[3])


def prose(page: Path) -> str:
    """A page without its code blocks."""
    return _FENCE.sub("", page.read_text("utf-8"))


def anchors(page: Path) -> set[str]:
    """The anchors that renderers make of a page's headings: GitHub's rule, repeated ones numbered."""
    seen: Counter[str] = Counter()
    found = set()
    for match in _HEADING.finditer(prose(page)):
        slug = re.sub(r"[^\w\- ]", "", match[1].lower()).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found
