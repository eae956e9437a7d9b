"""From blocks to chunks: sections are filled up to the size limit, and what is larger than it is cut."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal, get_args

from ai_stack.aidb.chunking.blocks import Block, parse_plain_text
from ai_stack.aidb.chunking.html import parse_html
from ai_stack.aidb.chunking.markdown import parse_markdown
from ai_stack.aidb.chunking.pages import parse_pages
from ai_stack.aidb.chunking.restructuredtext import parse_restructuredtext
from ai_stack.aidb.chunking.source import parse_nix, parse_python
from ai_stack.aidb.chunking.tokens import count_tokens

ContentType = Literal[
    "text/markdown", "text/x-rst", "text/html", "text/x-python", "text/x-nix", "application/pdf", "text/plain"
]

#: Of these the first heading is a definition or a page, not a title.
UNTITLED_TYPES = frozenset({"text/x-python", "text/x-nix", "application/pdf"})

_PARSERS: dict[ContentType, Callable[[str], list[Block]]] = {
    "text/markdown": parse_markdown,
    "text/x-rst": parse_restructuredtext,
    "text/html": parse_html,
    "text/x-python": parse_python,
    "text/x-nix": parse_nix,
    "application/pdf": parse_pages,
    "text/plain": parse_plain_text,
}
assert set(_PARSERS) == set(get_args(ContentType))

_SUFFIXES: dict[str, ContentType] = {
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".rst": "text/x-rst",
    ".html": "text/html",
    ".htm": "text/html",
    ".py": "text/x-python",
    ".nix": "text/x-nix",
    ".pdf": "application/pdf",
}

# From the best place to cut to the last resort. Each pattern matches one part with the white space behind it.
_CUTS = (
    re.compile(r"[^\r\n]*(?:\r\n|\r|\n)+|[^\r\n]+"),
    re.compile(r".+?[.!?;:](?:\s+|\Z)|.+", re.DOTALL),
    re.compile(r"\s*\S+\s*|\s+"),
)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A slice of a document.

    Attributes:
        start: offset of its first character in the document.
        end: offset behind its last one.
        text: the slice.
        headings: titles of the sections it lies in, outermost first.
        tokens: estimated length (`count_tokens`), never more than the limit.
    """

    start: int
    end: int
    text: str
    headings: tuple[str, ...]
    tokens: int


@dataclass(frozen=True, slots=True)
class _Piece:
    start: int
    end: int
    tokens: int


def content_type_of(path: str) -> ContentType:
    """Return the content type that a file name stands for, plain text when it says nothing."""
    return _SUFFIXES.get(PurePosixPath(path).suffix.lower(), "text/plain")


def chunk_document(text: str, content_type: ContentType, *, max_tokens: int) -> list[Chunk]:
    """Cut a document into chunks of at most `max_tokens` estimated tokens.

    The chunks cover the text in order without gap or overlap. A text of white space alone gives one chunk, an empty
    one none.

    Raises:
        ValueError: `max_tokens` is too small to hold any character.
    """
    if max_tokens < 4:
        raise ValueError("max_tokens must be at least 4")
    if not text:
        return []
    blocks = _PARSERS[content_type](text) or [Block(0, len(text))]
    return [
        Chunk(piece.start, piece.end, text[piece.start : piece.end], headings, piece.tokens)
        for headings, section in _sections(blocks)
        for piece in _packed(_pieces(text, section, max_tokens), max_tokens)
    ]


def _sections(blocks: list[Block]) -> Iterator[tuple[tuple[str, ...], list[Block]]]:
    """Group blocks by the heading above them. A heading without text joins the section that follows it."""
    path: list[tuple[int, str]] = []
    current: list[Block] = []
    for block in blocks:
        if block.level:
            if any(other.level == 0 for other in current):
                yield tuple(title for _, title in path if title), current
                current = []
            path = [(level, title) for level, title in path if level < block.level]
            path.append((block.level, block.title))
        current.append(block)
    if current:
        yield tuple(title for _, title in path if title), current


def _pieces(text: str, section: list[Block], max_tokens: int) -> Iterator[_Piece]:
    for block in section:
        yield from _fitting(text, block.start, block.end, max_tokens)


def _fitting(text: str, start: int, end: int, max_tokens: int, cut: int = 0) -> Iterator[_Piece]:
    """Cut a slice until every part fits: at lines, then sentences, then words, then anywhere."""
    tokens = count_tokens(text[start:end])
    if tokens <= max_tokens:
        yield _Piece(start, end, tokens)
    elif cut < len(_CUTS):
        for match in _CUTS[cut].finditer(text, start, end):
            yield from _fitting(text, match.start(), match.end(), max_tokens, cut + 1)
    else:
        # A character has at most three tokens, so that this many always fit.
        step = max(1, max_tokens // 3)
        for begin in range(start, end, step):
            stop = min(begin + step, end)
            yield _Piece(begin, stop, count_tokens(text[begin:stop]))


def _packed(pieces: Iterator[_Piece], max_tokens: int) -> Iterator[_Piece]:
    """Join neighbours as long as they fit together."""
    current: _Piece | None = None
    for piece in pieces:
        if current is None:
            current = piece
        elif current.tokens + piece.tokens <= max_tokens:
            current = _Piece(current.start, piece.end, current.tokens + piece.tokens)
        else:
            yield current
            current = piece
    if current is not None:
        yield current
