"""Entries of the cache that say themselves whose they are.

Redis may be mistaken: memory fails, and a connection whose replies are out of step gives each caller the reply of
another. So an entry holds a digest of its key and content, and what does not match is no entry.
"""

import hashlib

_DIGEST_BYTES = hashlib.sha256().digest_size


def seal(key: str, content: bytes) -> bytes:
    """Return what is stored under `key`."""
    return _digest(key, content) + content


def unseal(key: str, stored: object) -> bytes | None:
    """Return the content of what Redis gave for `key`; None when that is not what was stored under it."""
    if not isinstance(stored, bytes):
        return None
    content = stored[_DIGEST_BYTES:]
    return content if stored[:_DIGEST_BYTES] == _digest(key, content) else None


def _digest(key: str, content: bytes) -> bytes:
    return hashlib.sha256(b"%d:%s%s" % (len(key.encode()), key.encode(), content)).digest()
