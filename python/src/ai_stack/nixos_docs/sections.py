"""Documents cut into sections at their headings.

Every line of a document belongs to exactly one section, so nothing that is written can be missed by the search.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from ai_stack.nixos_docs import markdown, restructuredtext
from ai_stack.nixos_docs.headings import Heading, Outline

_PARSERS: dict[str, Callable[[Sequence[str]], Outline]] = {
    ".md": markdown.outline,
    ".markdown": markdown.outline,
    ".rst": restructuredtext.outline,
}

#: File name endings that can be read.
SUFFIXES = frozenset(_PARSERS)

# The pages of the `nix` commands are raw strings of C++ (R""( … )""), which their build strips.
_RAW_STRING_LINE = re.compile(r'^(?:R""\(|\)"")$')


@dataclass(frozen=True, slots=True)
class Section:
    """The text below one heading, up to the next heading of any level.

    `headings` is the path of headings from the outermost to the section's own, empty before the first heading.
    `anchor` is what a link to the section ends with; `explicit` says that the author chose it. `first` and `last` are
    line numbers from 0, `last` exclusive; `body` is without the heading and without blank lines around it.
    """

    headings: tuple[str, ...]
    anchor: str
    explicit: bool
    first: int
    last: int
    body: str


@dataclass(frozen=True, slots=True)
class Document:
    """A documentation file: its title, what its header says it is about, and its sections in order."""

    title: str
    keywords: str
    lines: int
    sections: tuple[Section, ...]


def parse_document(text: str, path: str) -> Document:
    """Cut a document into sections.

    Args:
        text: Markdown (CommonMark, with MyST and mdBook habits) or reStructuredText.
        path: its path; the ending tells the format, the name gives a title to a document without one.

    Raises:
        ValueError: the ending is not in `SUFFIXES`.
    """
    name = PurePosixPath(path)
    parser = _PARSERS.get(name.suffix.lower())
    if parser is None:
        raise ValueError(f"not a documentation file: {path}")
    lines = normalise(text)
    outline = parser(lines)
    return Document(
        title=outline.title or _only_top_heading(outline.headings) or _title_of_file(name),
        keywords=outline.keywords,
        lines=len(lines),
        sections=tuple(_sections(lines, outline)),
    )


def normalise(text: str) -> list[str]:
    """Return the lines of a text, without byte order mark and with the wrapper lines of C++ raw strings blanked."""
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd").split("\n")
    return ["" if _RAW_STRING_LINE.match(line) else line for line in lines]


def _sections(lines: Sequence[str], outline: Outline) -> list[Section]:
    starts = [heading.first for heading in outline.headings] + [len(lines)]
    sections = []
    if starts[0] > 0:
        body = _body(lines[outline.body : starts[0]])
        sections.append(Section(headings=(), anchor="", explicit=False, first=0, last=starts[0], body=body))
    above: list[Heading] = []
    for heading, end in zip(outline.headings, starts[1:], strict=True):
        above = [*(outer for outer in above if outer.level < heading.level), heading]
        sections.append(
            Section(
                headings=tuple(outer.text for outer in above if outer.text),
                anchor=heading.anchor or slug(heading.text),
                explicit=bool(heading.anchor),
                first=heading.first,
                last=end,
                # A section has one anchor; its other names can be searched.
                body=_body([*heading.other_anchors, *lines[heading.body : end]]),
            )
        )
    return sections


def _body(lines: Sequence[str]) -> str:
    return "\n".join(line.rstrip() for line in lines).strip("\n")


def slug(heading: str) -> str:
    """Return the anchor that renderers make of a heading: lower case, no punctuation, hyphens for spaces."""
    return re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", heading.lower()).strip())


def _only_top_heading(headings: Sequence[Heading]) -> str:
    """Return the heading that stands for the whole document: the first one, unless others are on its level."""
    if not headings or any(heading.level <= headings[0].level for heading in headings[1:]):
        return ""
    return headings[0].text


def _title_of_file(path: PurePosixPath) -> str:
    stem = path.stem
    if stem.lower() in {"index", "default", "readme"} and path.parent.name:
        stem = path.parent.name
    return re.sub(r"[-_.]+", " ", stem).strip() or stem
