"""Names of options: attribute paths, with parts that stand for any name."""

import re
from collections.abc import Sequence

#: Parts of names that stand for any attribute, or any element of a list. The module system writes `<name>` and `*`,
#: a module may give it another word (`<username>`).
_WILDCARD = re.compile(r"<[^<>]*>|\*")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_'-]*")
_PART = re.compile(r'"((?:[^"\\]|\\.)*)"|((?:<[^<>]*>|\$\{[^{}]*\}|[^."\s])+)')


def is_wildcard(part: str) -> bool:
    """Whether a part of a name stands for any."""
    return _WILDCARD.fullmatch(part) is not None


def split_path(text: str) -> tuple[str, ...]:
    """Return the parts of an attribute path, quotes taken off. Whatever is between the dots is taken as it is."""
    parts: list[str] = []
    for quoted, plain in _PART.findall(text):
        parts.append(plain or re.sub(r"\\(.)", r"\1", quoted))
    return tuple(parts)


def join_path(parts: Sequence[str | None]) -> str:
    """Return an attribute path as Nix has it: parts that are no identifiers in quotes, `<name>` for unknown ones."""
    return ".".join(_written(part) for part in parts)


def _written(part: str | None) -> str:
    if part is None:
        return "<name>"
    if _PLAIN.fullmatch(part) or is_wildcard(part):
        return part
    return '"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"'
