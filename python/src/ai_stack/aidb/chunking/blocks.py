"""Blocks: what a document is made of, one level below its sections."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


@dataclass(frozen=True, slots=True)
class Block:
    """A slice of a document: a heading, a paragraph, a list, a fence.

    Attributes:
        start: offset of its first character.
        end: offset behind its last one, white space that follows it included; `start` for a heading that is not a line
            of its own, as that of a function.
        level: 1 for the topmost headings, more for those below; 0 for what is no heading.
        title: text of a heading; otherwise empty.
    """

    start: int
    end: int
    level: int = 0
    title: str = ""


@dataclass(frozen=True, slots=True)
class BlockStart:
    """Where a block begins, for `close_blocks`."""

    start: int
    level: int = 0
    title: str = ""


def split_lines(text: str) -> list[tuple[int, int]]:
    """Return the (start, end) of every line, its line break included. Breaks are LF, CR and CRLF, as in CommonMark."""
    return [match.span() for match in _LINE.finditer(text)]


def close_blocks(starts: Iterable[BlockStart], length: int) -> list[Block]:
    """Turn ascending block starts into blocks that cover a text of `length` characters without a gap."""
    ordered = list(starts)
    blocks = []
    for index, start in enumerate(ordered):
        begin = 0 if index == 0 else start.start
        end = ordered[index + 1].start if index + 1 < len(ordered) else length
        blocks.append(Block(begin, end, start.level, start.title))
    return blocks


def parse_plain_text(text: str) -> list[Block]:
    """Return the paragraphs of a text: runs of lines between blank ones."""
    return close_blocks(_paragraphs(text), len(text))


def _paragraphs(text: str) -> Iterator[BlockStart]:
    blank_before = True
    for start, end in split_lines(text):
        blank = not text[start:end].strip()
        if blank_before and not blank:
            yield BlockStart(start)
        blank_before = blank


def plain_heading(markup: str) -> str:
    """Return the words of a heading: without link targets, code and emphasis marks, roles and trailing attributes."""
    text = re.sub(r"\s*\{[#.][^{}]*\}\s*$", "", markup)
    text = re.sub(r"\[([^\[\]]*)\]\([^()]*\)", r"\1", text)
    text = re.sub(r"\{[a-z:-]+\}(?=`)|:[a-z:-]+:(?=`)", "", text)
    return " ".join(re.sub(r"[`*]+", "", text).split())
