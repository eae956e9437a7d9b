"""The texts of an index whose vectors are searched."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import orjson

from ai_stack.nixos_docs.opening import connect
from ai_stack.nixos_docs.options.search import texts_to_embed
from ai_stack.nixos_docs.semantic.words import MIN_OPTIONS, words_of

# More than the model reads of a section, which is about 256 tokens.
_MAX_CHARACTERS = 2000


@dataclass(frozen=True, slots=True)
class Item:
    """Something with a vector: the mean of those of its texts. `key` tells it from all others by its texts."""

    texts: tuple[str, ...]
    key: bytes


@dataclass(frozen=True, slots=True)
class IndexTexts:
    """The items of an index: its sections by place, its options by number, and the words of these in order."""

    sections: Sequence[Item]
    options: Sequence[Item]
    words: Sequence[Item]


def read_texts(path: Path) -> IndexTexts:
    """Read the texts of an index. Blocking.

    Raises:
        sqlite3.Error: the file cannot be read.
    """
    with contextlib.closing(connect(path)) as database:
        sections = [
            _item((f"{heading or title}\n{' '.join(body[: 2 * _MAX_CHARACTERS].split())[:_MAX_CHARACTERS]}",))
            for title, heading, body in database.execute(
                "SELECT d.title, s.heading, b.body FROM sections AS s JOIN documents AS d ON d.id = s.document_id"
                " JOIN bodies AS b ON b.section_id = s.id ORDER BY s.id"
            )
        ]
        options = [
            _item(texts_to_embed(orjson.loads(parts), description))
            for parts, description in database.execute("SELECT parts, description FROM options ORDER BY number")
        ]
    # Too few options teach nothing about their words.
    vocabulary = {word for option in options for text in option.texts for word in words_of(text)}
    words = [_item((word,)) for word in sorted(vocabulary)] if len(options) >= MIN_OPTIONS else []
    return IndexTexts(sections, options, words)


def _item(texts: tuple[str, ...]) -> Item:
    digest = blake2b(digest_size=16)
    for text in texts:
        digest.update(f"{len(text)} {text}".encode())
    return Item(texts, digest.digest())
