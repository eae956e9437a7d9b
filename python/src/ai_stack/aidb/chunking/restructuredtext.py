"""Blocks of reStructuredText.

Only what shapes chunks is read: section titles, and paragraphs with the indented text that belongs to them (literal
blocks, directives). Docutils is not used because it executes directives and needs the whole Sphinx project.
Section titles: https://docutils.sourceforge.io/docs/ref/rst/restructuredtext.html#sections
"""

import re
from collections.abc import Iterator

from ai_stack.aidb.chunking.blocks import Block, BlockStart, close_blocks, plain_heading, split_lines

_ADORNMENT = re.compile(r"([!-/:-@\[-`{-~])\1*")


def parse_restructuredtext(text: str) -> list[Block]:
    """Return the blocks of a reStructuredText document."""
    return close_blocks(_starts(text), len(text))


def _starts(text: str) -> Iterator[BlockStart]:
    spans = split_lines(text)
    lines = [text[start:end].rstrip() for start, end in spans]
    styles: list[tuple[str, bool]] = []
    index = 0
    blank_before = True
    while index < len(lines):
        line = lines[index]
        title = _title_at(lines, index, blank_before)
        if title is not None:
            words, style, height = title
            if style not in styles:
                styles.append(style)
            level = styles.index(style) + 1
            yield BlockStart(spans[index][0], level=level, title=plain_heading(words))
            index += height
            blank_before = True
            continue
        if blank_before and line and not line[0].isspace():
            yield BlockStart(spans[index][0])
        blank_before = not line
        index += 1


def _title_at(lines: list[str], index: int, blank_before: bool) -> tuple[str, tuple[str, bool], int] | None:
    """Return (title, style, number of lines) of the section title that begins at a line, or None."""
    if not blank_before or not lines[index]:
        return None
    following = lines[index + 1 : index + 3]
    over = _adornment(lines[index])
    if over and len(following) == 2 and following[0].strip() and _adornment(following[1]) == over:
        if len(lines[index]) == len(following[1]) >= len(following[0].strip()):
            return following[0].strip(), (over, True), 3
        return None
    under = _adornment(following[0]) if following else ""
    if over or not under or lines[index][0].isspace():
        return None
    # Docutils warns about an underline shorter than its title, and takes it from four characters on.
    if len(following[0]) >= min(4, len(lines[index])):
        return lines[index], (under, False), 2
    return None


def _adornment(line: str) -> str:
    match = _ADORNMENT.fullmatch(line)
    return match.group(1) if match else ""
