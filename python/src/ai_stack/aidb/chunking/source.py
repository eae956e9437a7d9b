"""Blocks of source code: one for each definition, with its name for a heading.

The languages are not parsed: what is written wrongly, or for another version, is cut as well, only less well. A line
within a string that looks like a definition makes one more block, which does no harm.
"""

import re
from collections.abc import Iterator

from ai_stack.aidb.chunking.blocks import Block, BlockStart, close_blocks, split_lines

_PYTHON = re.compile(r"(?P<indent>[ \t]*)(?:async[ \t]+def|def|class)[ \t]+(?P<name>\w+)")
_PYTHON_PREFIX = re.compile(r"[ \t]*[@#]")
_NIX = re.compile(r"(?P<indent>[ \t]*)(?P<name>[\w\"'][\w.\"'$\{}-]*)[ \t]*=(?!=)")
_NIX_PREFIX = re.compile(r"[ \t]*(?:#|/\*.*\*/[ \t]*$)")
#: Definitions that open a section: those at the margin, and those one step within them.
_LEVELS = 2


def parse_python(text: str) -> list[Block]:
    """Return the functions and classes of a Python module, and the methods within; decorators belong to them."""
    return close_blocks(_starts(text, _PYTHON, _PYTHON_PREFIX), len(text))


def parse_nix(text: str) -> list[Block]:
    """Return the attributes that a Nix file sets at its two outermost levels; comments above belong to them."""
    return close_blocks(_starts(text, _NIX, _NIX_PREFIX), len(text))


def _starts(text: str, definition: re.Pattern[str], prefix: re.Pattern[str]) -> Iterator[BlockStart]:
    spans = split_lines(text)
    found: list[tuple[int, int, str]] = []
    first = 0
    for number, (start, end) in enumerate(spans):
        match = definition.match(text, start, end)
        if match:
            found.append((first, len(match["indent"].expandtabs()), match["name"]))
        if match or not prefix.match(text, start, end):
            first = number + 1
    levels = {indent: level for level, indent in enumerate(sorted({indent for _, indent, _ in found})[:_LEVELS], 1)}
    kept = [(line, levels[indent], name) for line, indent, name in found if indent in levels]
    if text and (not kept or kept[0][0] > 0):
        yield BlockStart(0)
    for line, level, name in kept:
        # A definition is the text of its own section.
        yield BlockStart(spans[line][0], level, name)
        yield BlockStart(spans[line][0])
