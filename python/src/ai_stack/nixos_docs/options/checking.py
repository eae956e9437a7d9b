"""Whether the options that a snippet or a list names exist."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ai_stack.nixos_docs.catalogue import Catalogue
from ai_stack.nixos_docs.nix.assignments import ANY_ELEMENT
from ai_stack.nixos_docs.nix.renames import Rename
from ai_stack.nixos_docs.options.nearest import nearest
from ai_stack.nixos_docs.options.paths import is_wildcard, join_path, split_path

Status = Literal["exists", "freeform", "renamed", "removed", "unknown"]

# Types whose values are no attribute sets. Whatever else there is may hold attributes of its own naming.
_SCALAR = re.compile(
    r"null|boolean|(?:non-empty |single-line |optionally newline-terminated |secret )*strings?\b|strings concatenated|"
    r"(?:signed |unsigned |positive |nonnegative |\d+ bit \w+ )?integer|floating point|absolute path|relative path|"
    r"path\b|package|one of|value \"|(?:non-empty )?list of|integer or"
)
# A submodule takes the options that it declares, unless it says that it is open.
_OPEN_SUBMODULE = re.compile(r"open submodule|freeform", re.IGNORECASE)
_SUBMODULE = re.compile(r"submodule")
# Options under these names take what the program knows (RFC 42), and lists of options do not always say so.
_OPEN_NAMES = frozenset({"settings", "config", "extraConfig", "extraSettings", "environment", "sysctl"})
# Within these is a whole configuration.
_NESTED_SYSTEM = re.compile(r"Toplevel NixOS config")
_NESTED_SYSTEM_PATHS = (("specialisation", "<name>", "configuration"), ("virtualisation", "vmVariant"))

# Options that are internal: no list shows them, though every module may set them.
_INTERNAL = frozenset({"assertions", "warnings", "meta", "_module"})

_NEAREST = 3
_MAX_RENAMES = 8


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of a path.

    Attributes:
        path: as Nix has it.
        line: where a snippet sets it, from 1; None for a list.
        status: "exists"; "freeform": below an option that takes any name; "renamed"; "removed"; "unknown".
        option: the option that it is, or that it belongs to; None for what is not there.
        replacement: what a renamed option is called now.
        message: why it was removed, or more about a free name.
        nearest: names of options that may have been meant.
    """

    path: str
    line: int | None
    status: Status
    option: str | None = None
    replacement: str | None = None
    message: str = ""
    nearest: tuple[str, ...] = ()


def check_path(catalogue: Catalogue, path: Sequence[str | None], line: int | None = None) -> Verdict:
    """Say whether an option exists.

    Args:
        catalogue: of an index.
        path: its parts; None for one that is computed.
        line: where it is set.
    """
    written = join_path(path)
    tree = catalogue.tree
    matches = tree.furthest(path)
    for match in matches:
        if match.length < len(path):
            break
        number = match.node.option
        if number is not None and number in catalogue.aliases:
            return Verdict(written, line, "renamed", catalogue.names[number], catalogue.aliases[number])
        name = catalogue.names[number] if number is not None else join_path(match.node.path())
        return Verdict(written, line, "exists", name)
    if path[0] in _INTERNAL:
        return Verdict(written, line, "exists", message="an internal option, which no list shows")
    if (renamed := _renamed(catalogue, path)) is not None:
        return _verdict_of_rename(catalogue, path, written, line, renamed)
    for match in matches:
        number = match.node.option
        if number is None:
            continue
        name = catalogue.names[number]
        parts = match.node.path()
        if _NESTED_SYSTEM.search(catalogue.types[number]) or parts in _NESTED_SYSTEM_PATHS:
            inner = check_path(catalogue, path[match.length :], line)
            return Verdict(written, line, inner.status, inner.option, inner.replacement, inner.message, inner.nearest)
        kind = catalogue.types[number]
        if path[match.length] == ANY_ELEMENT:
            kind = kind.replace("list of ", "")
        if not _takes(kind, parts, below=bool(match.node.children)):
            continue
        if not match.node.children:
            return Verdict(written, line, "exists", name)
        near = [
            other
            for other in _names(catalogue, path)
            if other.startswith(f"{name}.") and other.lower() != written.lower()
        ]
        message = f"{name} takes any name; of this one nothing is known"
        return Verdict(written, line, "freeform", name, message=message, nearest=tuple(near))
    return Verdict(written, line, "unknown", nearest=tuple(_names(catalogue, path)))


def check_text(catalogue: Catalogue, text: str) -> Verdict:
    """Say whether an option exists that is given as text; `config.` before it is taken off."""
    path = split_path(text.strip().rstrip(";").strip())
    if len(path) > 1 and path[0] in {"config", "options"}:
        path = path[1:]
    if not path:
        return Verdict(text, None, "unknown")
    return check_path(catalogue, path)


def _takes(kind: str, parts: Sequence[str], *, below: bool) -> bool:
    """Whether an option of this type takes attributes that are no options themselves."""
    plain = re.sub(r'"[^"]*"', '"', kind.replace("(", "").replace(")", ""))
    if all(_SCALAR.match(alternative.strip()) for alternative in re.split(r"\bor\b", plain)):
        return False
    if not _SUBMODULE.search(kind) or _OPEN_SUBMODULE.search(kind):
        return True
    # A submodule without any known option is one whose options the list does not show.
    return not below or next((part for part in reversed(parts) if not is_wildcard(part)), "") in _OPEN_NAMES


def _names(catalogue: Catalogue, path: Sequence[str | None]) -> list[str]:
    return [catalogue.names[number] for number in nearest(catalogue.tree, path, _NEAREST)]


def _renamed(catalogue: Catalogue, path: Sequence[str | None]) -> tuple[int, Rename] | None:
    """Return the rename of the longest beginning of a path, and how many parts that has."""
    known = [part if part is not None else ANY_ELEMENT for part in path]
    for length in range(len(known), 0, -1):
        rename = catalogue.renames.get(tuple(known[:length]))
        if rename is not None and _applies(catalogue, rename):
            return length, rename
        node = catalogue.tree.find(path[:length])
        if length < len(known) and node is not None and node.option in catalogue.aliases:
            assert node.option is not None
            return length, Rename(tuple(known[:length]), split_path(catalogue.aliases[node.option]), "")
    return None


def _applies(catalogue: Catalogue, rename: Rename) -> bool:
    # Renames within submodules have paths that begin there; they lead to nothing from here.
    first = catalogue.tree.root.children
    return rename.path[0] in first and (not rename.replacement or rename.replacement[0] in first)


def _verdict_of_rename(
    catalogue: Catalogue, path: Sequence[str | None], written: str, line: int | None, found: tuple[int, Rename]
) -> Verdict:
    length, rename = found
    if not rename.replacement:
        return Verdict(written, line, "removed", message=rename.message, nearest=tuple(_names(catalogue, path)))
    target: Sequence[str | None] = (*rename.replacement, *path[length:])
    # What it was renamed to may have been renamed, too.
    for _ in range(_MAX_RENAMES):
        again = _renamed(catalogue, target) if catalogue.tree.find(target) is None else None
        if again is None:
            break
        if not again[1].replacement:
            return Verdict(written, line, "removed", message=again[1].message)
        target = (*again[1].replacement, *target[again[0] :])
    return Verdict(written, line, "renamed", replacement=join_path(target))
