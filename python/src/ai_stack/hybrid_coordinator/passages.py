"""Operations on retrieved text. It is data from elsewhere: cleaned, bounded and compared, never interpreted."""

import re
import unicodedata
from hashlib import blake2b

# Cc: terminal and log injection. Cf: bidirectional overrides and zero-width characters, which hide text from a reader
# but not from a model. Cs: lone surrogates cannot be encoded. Co and Cn have no meaning that could be shared.
_REMOVED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_KEPT = frozenset("\n\t")
_NEWLINES = re.compile(r"\r\n?|[\u2028\u2029\x85\x0b\x0c]")
_BLANK_LINES = re.compile(r"\n[ \t]*(?:\n[ \t]*){2,}")
_WORD = re.compile(r"\w+")

ELLIPSIS = " …"


def clean(text: str) -> str:
    """Return `text` without control, format, surrogate and unassigned characters; line ends become newlines."""
    text = _NEWLINES.sub("\n", text)
    if not text.isascii() or not text.isprintable():
        text = "".join(c for c in text if c in _KEPT or unicodedata.category(c) not in _REMOVED_CATEGORIES)
    return _BLANK_LINES.sub("\n\n", text).strip()


def clean_line(text: str, limit: int) -> str:
    """Return `text` cleaned, on one line, of at most `limit` characters."""
    return shorten(" ".join(clean(text).split()), limit)


def shorten(text: str, limit: int) -> str:
    """Return at most `limit` characters of `text`, cut at the last line or word end in the final third.

    Raises:
        ValueError: a limit too small to show that something was cut.
    """
    if limit < len(ELLIPSIS):
        raise ValueError(f"a limit of at least {len(ELLIPSIS)} characters is needed")
    if len(text) <= limit:
        return text
    room = limit - len(ELLIPSIS)
    head = text[:room]
    for separator in ("\n", " "):
        position = head.rfind(separator)
        if position > room * 2 // 3:
            head = head[:position]
            break
    return head.rstrip() + ELLIPSIS


def words(text: str) -> list[str]:
    """Return the words of `text`, case-folded, in order."""
    return _WORD.findall(text.casefold())


def fingerprint(text: str) -> bytes:
    """Return a digest that is equal for texts that differ in case, punctuation and spacing only."""
    return blake2b(" ".join(words(text)).encode(), digest_size=16).digest()


def shingles(text: str, size: int = 3) -> frozenset[tuple[str, ...]]:
    """Return the set of word `size`-grams of `text` (Broder 1997); a shorter text is one shingle."""
    found = words(text)
    if len(found) <= size:
        return frozenset([tuple(found)]) if found else frozenset()
    return frozenset(zip(*(found[i:] for i in range(size)), strict=False))


def containment(a: frozenset[tuple[str, ...]], b: frozenset[tuple[str, ...]]) -> float:
    """Return the share of the smaller shingle set that is in the other, 0 to 1.

    Containment rather than Jaccard: a chunk and the whole section that it was cut from say the same thing, however
    much longer the section is.
    """
    smaller = min(len(a), len(b))
    return len(a & b) / smaller if smaller else 0.0
