"""Blocks of Markdown (CommonMark with tables), from the tokens of markdown-it."""

import re
from collections.abc import Iterator

from markdown_it import MarkdownIt

from ai_stack.aidb.chunking.blocks import Block, BlockStart, close_blocks, plain_heading, split_lines

# CommonMark would read it as a thematic break and a heading.
_FRONT_MATTER = re.compile(r"\A---[ \t]*(?:\r\n|\r|\n).*?(?:\r\n|\r|\n)---[ \t]*(?:\r\n|\r|\n|\Z)", re.DOTALL)


def parse_markdown(text: str) -> list[Block]:
    """Return the top-level blocks of a Markdown text. Headings inside lists and quotes open no section."""
    front_matter = _FRONT_MATTER.match(text)
    offset = front_matter.end() if front_matter else 0
    return close_blocks(_starts(text, offset), len(text))


def _starts(text: str, offset: int) -> Iterator[BlockStart]:
    if offset:
        yield BlockStart(0)
    # What is inside a paragraph does not matter here, and is the slower half of the work.
    parser = MarkdownIt("commonmark").enable("table").disable("inline")
    body = text[offset:]
    lines = split_lines(body)
    tokens = parser.parse(body)
    for index, token in enumerate(tokens):
        if token.level != 0 or token.map is None or token.nesting < 0:
            continue
        start = offset + lines[token.map[0]][0]
        if token.type == "heading_open":
            title = plain_heading(tokens[index + 1].content)
            yield BlockStart(start, level=int(token.tag[1:]), title=title)
        else:
            yield BlockStart(start)
