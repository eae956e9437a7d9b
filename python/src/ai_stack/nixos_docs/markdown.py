"""Headings of Markdown, as CommonMark (https://spec.commonmark.org/0.31.2/) with the habits of MyST and mdBook."""

import re
from collections.abc import Sequence

from markdown_it import MarkdownIt

from ai_stack.nixos_docs.headings import Heading, Outline, plain

# `# Text {#anchor}`: Pandoc's header identifiers, which nixpkgs and mdBook use.
_TRAILING_ANCHOR = re.compile(r"\s*\{#([^\s}]+)[^}]*\}\s*$")
# `(anchor)=` above a heading: MyST's targets.
_TARGET_LINE = re.compile(r"^\(([^()\s]+)\)=\s*$")
_FRONT_MATTER_VALUE = re.compile(r"""^\s*["']?(title|keywords|tags|description)[\w =-]*["']?\s*:\s*(.+?)\s*$""")

# Blocks alone: what stands inside paragraphs has no headings, and is most of the work.
_parser = MarkdownIt("commonmark").disable("inline")


def outline(lines: Sequence[str]) -> Outline:
    """Return the headings of a Markdown document and what its front matter says."""
    body = _end_of_front_matter(lines)
    title, keywords = _front_matter(lines[:body])
    tokens = _parser.parse("\n".join([""] * body + list(lines[body:])))
    headings = []
    for position, token in enumerate(tokens):
        # A heading inside a quotation or a list does not divide the document.
        if token.type != "heading_open" or token.level != 0 or token.map is None:
            continue
        first, end = token.map
        text, anchor = _split_anchor(tokens[position + 1].content)
        first, targets = _targets_above(lines, first, body)
        nearest, *others = [name for name in (anchor, *targets) if name] or [""]
        headings.append(
            Heading(
                level=int(token.tag[1:]),
                text=plain(text),
                anchor=nearest,
                first=first,
                body=end,
                other_anchors=tuple(others),
            )
        )
    return Outline(headings=tuple(headings), title=title, keywords=keywords, body=body)


def _end_of_front_matter(lines: Sequence[str]) -> int:
    """Return the line after YAML front matter, 0 when there is none."""
    if not lines or lines[0].rstrip() != "---":
        return 0
    for number, line in enumerate(lines[1:], start=1):
        if line.rstrip() in {"---", "..."}:
            return number + 1
    return 0


def _front_matter(lines: Sequence[str]) -> tuple[str, str]:
    title = ""
    keywords = []
    for line in lines:
        match = _FRONT_MATTER_VALUE.match(line)
        if match:
            value = match[2].strip("\"'[]")
            if match[1] == "title":
                title = plain(value)
            keywords.append(value)
    return title, "\n".join(keywords)


def _split_anchor(text: str) -> tuple[str, str]:
    match = _TRAILING_ANCHOR.search(text)
    return (text[: match.start()], match[1]) if match else (text, "")


def _targets_above(lines: Sequence[str], first: int, floor: int) -> tuple[int, list[str]]:
    """Move a section's start up over the targets above its heading; return these, the nearest first."""
    targets = []
    number = first - 1
    while number >= floor:
        match = _TARGET_LINE.match(lines[number])
        if match:
            targets.append(match[1])
            first = number
        elif lines[number].strip():
            break
        number -= 1
    return first, targets
