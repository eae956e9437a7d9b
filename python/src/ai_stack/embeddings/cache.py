"""Keeps the vectors of recent texts, so that a text asked for again is not computed again."""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

#: Bytes that an entry takes beside its numbers: key, array header, entry, place in the table (measured: 316, before the
#: allocator rounds up).
ENTRY_OVERHEAD: Final = 350

_KEY_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class CachedText:
    """What is known of a text."""

    vector: NDArray[np.float32]
    """Not scaled to unit length."""
    tokens: int
    """As many as the model reads, special ones included."""
    truncated: bool
    """Whether the text was longer than that."""


class VectorCache:
    """The least recently used entries go first. Belongs to one event loop.

    Texts are known by a hash (BLAKE2b, RFC 7693) that the model's identity keys: an entry of one model is never found
    for another, and a text takes no more room for being long.

    Args:
        identity: of the model, everything that determines the vector of a text.
        max_bytes: room for entries, their overhead included; 0 keeps nothing.
    """

    def __init__(self, identity: str, max_bytes: int) -> None:
        self.size = 0
        """Bytes taken."""
        self._max_bytes = max_bytes
        self._key = hashlib.blake2b(identity.encode(), digest_size=hashlib.blake2b.MAX_KEY_SIZE).digest()
        self._entries: OrderedDict[bytes, CachedText] = OrderedDict()

    def __len__(self) -> int:
        """Entries there are."""
        return len(self._entries)

    def get(self, text: str) -> CachedText | None:
        """Return the entry of a text, if there is one."""
        if not self._max_bytes:
            return None
        key = self._hash(text)
        entry = self._entries.get(key)
        if entry is not None:
            self._entries.move_to_end(key)
        return entry

    def put(self, text: str, entry: CachedText) -> None:
        """Keep the entry of a text, at the cost of older ones. One that does not fit at all is not kept."""
        cost = _cost(entry)
        if cost > self._max_bytes:
            return
        key = self._hash(text)
        previous = self._entries.pop(key, None)
        if previous is not None:
            self.size -= _cost(previous)
        self._entries[key] = entry
        self.size += cost
        while self.size > self._max_bytes:
            _, oldest = self._entries.popitem(last=False)
            self.size -= _cost(oldest)

    def _hash(self, text: str) -> bytes:
        return hashlib.blake2b(text.encode(), digest_size=_KEY_BYTES, key=self._key).digest()


def _cost(entry: CachedText) -> int:
    return entry.vector.nbytes + ENTRY_OVERHEAD
