"""Where the documentation speaks of options, and what it says there."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ai_stack.nixos_docs.nix.assignments import assignments
from ai_stack.nixos_docs.nix.parser import SnippetError
from ai_stack.nixos_docs.options.paths import is_wildcard, split_path
from ai_stack.nixos_docs.options.tree import OptionTree

# Attribute paths in running text, and blocks of code.
_REFERENCE = re.compile(r'[A-Za-z][\w-]*(?:\.(?:[A-Za-z_][\w-]*|"[^"\n]+"|<[^<>\n]+>|\*))+')
_FENCE = re.compile(r"^( *)(```+|~~~+)[^\n]*\n(.*?)^\1\2", re.DOTALL | re.MULTILINE)
_PARAGRAPHS = re.compile(r"\n\s*\n")

_MAX_CHARACTERS = 600


@dataclass(frozen=True, slots=True)
class Mention:
    """A section that names an option, or sets it in an example; `text` is what it says there."""

    option: int
    section: int
    text: str


def mentions(
    sections: Iterable[tuple[int, str, str]], names: Sequence[Sequence[str]], tree: OptionTree
) -> list[Mention]:
    """Return the mentions of options in documentation, in order.

    Args:
        sections: id, heading and text of each.
        names: of the options, as their parts.
        tree: of the same names.
    """
    found = []
    for identifier, heading, body in sections:
        options = referred(f"{heading}\n{body}", tree) | set(_set_in_code(body, tree))
        if not options:
            continue
        paragraphs = _PARAGRAPHS.split(_FENCE.sub("", body))
        for option in sorted(options):
            last = next((part for part in reversed(names[option]) if not is_wildcard(part)), "")
            said = " ".join(paragraph for paragraph in paragraphs if last in paragraph)[:_MAX_CHARACTERS]
            found.append(Mention(option, identifier, f"{heading}\n{said}"))
    return found


def referred(text: str, tree: OptionTree) -> set[int]:
    """Return the options whose names stand in a text."""
    paths = (split_path(match[0]) for match in _REFERENCE.finditer(text))
    return set(_numbers((path[1:] if path and path[0] in {"config", "options"} else path for path in paths), tree))


def _set_in_code(text: str, tree: OptionTree) -> Iterator[int]:
    for match in _FENCE.finditer(text):
        try:
            yield from _numbers([assignment.path for assignment in assignments(match[3])], tree)
        except SnippetError:
            continue


def _numbers(paths: Iterable[Sequence[str | None]], tree: OptionTree) -> Iterator[int]:
    for path in paths:
        node = tree.find(path)
        if node is not None and node.option is not None:
            yield node.option
