"""Headings of reStructuredText (https://docutils.sourceforge.io/docs/ref/rst/restructuredtext.html#sections)."""

import re
from collections.abc import Sequence

from ai_stack.nixos_docs.headings import Heading, Outline, plain

_ADORNMENT = re.compile(r"""^([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~])\1*\s*$""")
_LABEL = re.compile(r"^\.\. _`?([^`]+?)`?:\s*$")


def outline(lines: Sequence[str]) -> Outline:
    """Return the headings of a reStructuredText document.

    The level of a heading follows from the order in which the adornment styles first appear.
    """
    headings: list[Heading] = []
    styles: list[tuple[str, bool]] = []
    number = 0
    floor = 0
    while number < len(lines):
        found = _heading_at(lines, number, floor)
        if found is None:
            number += 1
            continue
        text, style, first, end = found
        if style not in styles:
            styles.append(style)
        first, anchor = _label_above(lines, first, floor)
        headings.append(Heading(level=styles.index(style) + 1, text=plain(text), anchor=anchor, first=first, body=end))
        number = floor = end
    return Outline(headings=tuple(headings))


def _heading_at(lines: Sequence[str], number: int, floor: int) -> tuple[str, tuple[str, bool], int, int] | None:
    """Return (text, style, first line, line after) of a heading whose text is at `number`."""
    text = lines[number].rstrip()
    if not text or number + 1 >= len(lines) or _ADORNMENT.match(text):
        return None
    under = lines[number + 1].rstrip()
    if not _ADORNMENT.match(under):
        return None
    over = lines[number - 1].rstrip() if number > floor else ""
    length = len(text.strip())
    if over and over == under and len(under) >= length:
        return text.strip(), (under[0], True), number - 1, number + 2
    # Indented text is a quotation; text glued to the line above is a paragraph; an underline shorter than the title is
    # accepted by docutils from four characters on.
    if text[0].isspace() or (over and not _LABEL.match(over)) or len(under) < min(length, 4):
        return None
    return text, (under[0], False), number, number + 2


def _label_above(lines: Sequence[str], first: int, floor: int) -> tuple[int, str]:
    """Move a section's start up over the labels above its heading; the nearest one is its anchor."""
    anchor = ""
    number = first - 1
    while number >= floor:
        match = _LABEL.match(lines[number])
        if match:
            anchor = anchor or match[1]
            first = number
        elif lines[number].strip():
            break
        number -= 1
    return first, anchor
