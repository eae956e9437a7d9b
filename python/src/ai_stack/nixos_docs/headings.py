"""What the parsers of both formats report about a document."""

import re
from dataclasses import dataclass

_ROLE = re.compile(r"(?:\{[\w:+.-]+\}|:[\w:+.-]+:)`(?:[^`<]*<([^`>]*)>|([^`]*))`")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_MARKUP = re.compile(r"[`*]|\\(?=[^\w\s])|(?<!\w)_{1,2}(?=\w)|(?<=\w)_{1,2}(?!\w)")


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading: its level (1 is the outermost), its text without markup, the author's anchor or "".

    `first` is the line where its section starts (an anchor above the heading included), `body` the line after the
    heading itself. `other_anchors` are further names that the author gave it.
    """

    level: int
    text: str
    anchor: str
    first: int
    body: int
    other_anchors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outline:
    """The headings of a document in order, and what stands before them.

    `title` and `keywords` come from a header that is not text (front matter); `body` is the line after it.
    """

    headings: tuple[Heading, ...]
    title: str = ""
    keywords: str = ""
    body: int = 0


def plain(text: str) -> str:
    """Return a heading without links, roles and emphasis, on one line."""
    text = _ROLE.sub(lambda match: match[1] or match[2] or "", text)
    text = _LINK.sub(r"\1", text)
    return " ".join(_MARKUP.sub("", text).split())
