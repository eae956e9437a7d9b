"""Blocks of the text of a PDF: its pages, and the paragraphs on each."""

from collections.abc import Iterator

from ai_stack.aidb.chunking.blocks import Block, BlockStart, close_blocks, parse_plain_text

#: Ends a page, as in the output of pdftotext.
PAGE_END = "\f"


def parse_pages(text: str) -> list[Block]:
    """Return the paragraphs below a heading for each page, counted from 1; a blank page has none of its own."""
    return close_blocks(_starts(text), len(text))


def _starts(text: str) -> Iterator[BlockStart]:
    begin = 0
    for number, page in enumerate(text.split(PAGE_END), start=1):
        if page.strip():
            # The heading is no line of the text.
            yield BlockStart(begin, 1, f"Page {number}")
            for block in parse_plain_text(page):
                yield BlockStart(begin + block.start)
        begin += len(page) + len(PAGE_END)
