"""Blocks of HTML: headings, and the elements that stand on lines of their own."""

import contextlib
from html.parser import HTMLParser

from ai_stack.aidb.chunking.blocks import Block, BlockStart, close_blocks

_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BLOCKS = frozenset({"p", "pre", "ul", "ol", "dl", "table", "blockquote", "figure", "hr", "form"})


def parse_html(text: str) -> list[Block]:
    """Return the blocks of a page. Whatever is not well-formed is read as the standard library does."""
    if not text:
        return []
    reader = _Reader(text)
    # What is behind a declaration that it does not know is left as one block.
    with contextlib.suppress(AssertionError):
        reader.feed(text)
        reader.close()
    return close_blocks(reader.starts(), len(text))


class _Reader(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        # HTMLParser counts lines by line feeds only.
        self._lines = [0, *(place + 1 for place, character in enumerate(text) if character == "\n")]
        self._starts: dict[int, BlockStart] = {}
        self._heading: tuple[int, int] | None = None
        self._title: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        line, column = self.getpos()
        place = self._lines[line - 1] + column
        if tag in _HEADINGS:
            self._heading, self._title = (place, _HEADINGS[tag]), []
            self._starts[place] = BlockStart(place)
        elif tag in _BLOCKS and self._heading is None:
            self._starts[place] = BlockStart(place)

    def handle_endtag(self, tag: str) -> None:
        if tag in _HEADINGS and self._heading is not None:
            place, level = self._heading
            self._starts[place] = BlockStart(place, level, " ".join("".join(self._title).split()))
            self._heading = None

    def handle_data(self, data: str) -> None:
        if self._heading is not None:
            self._title.append(data)

    def starts(self) -> list[BlockStart]:
        """Return what was found, in order."""
        return [self._starts[place] for place in sorted(self._starts)] or [BlockStart(0)]
