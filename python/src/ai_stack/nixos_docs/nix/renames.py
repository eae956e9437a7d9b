"""Options that were renamed or removed, as the modules of nixpkgs declare it.

A list of options does not hold them: they are hidden, and tell their story only when they are set. The modules say it
in calls of a few functions of lib (`lib/modules.nix` of nixpkgs), with literal paths nearly always.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ai_stack.nixos_docs.nix.nodes import Apply, Attributes, Binding, Either, Function, Items, Node, Text
from ai_stack.nixos_docs.nix.parser import SnippetError, parse
from ai_stack.nixos_docs.sources import SourceError
from ai_stack.service.logs import get_logger

_RENAMING = frozenset(
    {"mkRenamedOptionModule", "mkAliasOptionModule", "mkAliasOptionModuleMD", "mkChangedOptionModule"}
)
_MARK = "OptionModule"

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rename:
    """What became of an option: `replacement` is the new path, empty when it was removed; `message` says more."""

    path: tuple[str, ...]
    replacement: tuple[str, ...]
    message: str


def module_files(root: Path) -> list[Path]:
    """Return the Nix files below a directory, by name.

    Raises:
        SourceError: not a directory.
    """
    if not root.is_dir():
        raise SourceError(f"{root}: not a directory")
    return sorted(root.rglob("*.nix"))


def renames_below(root: Path) -> list[Rename]:
    """Return the renames in all Nix files of a directory, in the order of the files' names.

    Raises:
        SourceError: not a directory, or a file cannot be read.
    """
    found: dict[tuple[str, ...], Rename] = {}
    for path in module_files(root):
        try:
            text = path.read_text("utf-8", "replace")
        except OSError as error:
            raise SourceError(f"{path}: {error.strerror}") from error
        if _MARK not in text:
            continue
        for rename in renames_in(text, str(path)):
            found.setdefault(rename.path, rename)
    return list(found.values())


def renames_in(text: str, name: str = "") -> list[Rename]:
    """Return the renames in one file; none, if it is nested too deeply to be read."""
    try:
        return [rename for node in parse(text) for rename in _walk(node)]
    except SnippetError as error:
        log.warning("renames.unreadable", path=name, reason=str(error))
        return []


def _walk(node: Node) -> Iterator[Rename]:
    match node:
        case Function(body=body):
            yield from _walk(body)
        case Attributes(bindings=bindings):
            for binding in bindings:
                yield from _walk(binding.value)
        case Items(elements=nodes) | Either(choices=nodes):
            for inner in nodes:
                yield from _walk(inner)
        case Apply(function=function, arguments=arguments):
            yield from _declared(function, arguments)
            for inner in arguments:
                yield from _walk(inner)


def _declared(function: str, arguments: tuple[Node, ...]) -> Iterator[Rename]:
    match function, arguments:
        case "mkRenamedOptionModuleWith", (Attributes(bindings=bindings), *_):
            values = dict(_plain(bindings))
            yield from _rename(values.get("from"), values.get("to"))
        case "mkRemovedOptionModule", (path, *message):
            text = message[0].content if message and isinstance(message[0], Text) else None
            if removed := _path(path):
                yield Rename(removed, (), " ".join((text or "").split()))
        case "mkMergedOptionModule", (Items(elements=paths), target, *_):
            for path in paths:
                yield from _rename(path, target)
        case _, (path, target, *_) if function in _RENAMING:
            yield from _rename(path, target)


def _plain(bindings: Iterable[Binding]) -> Iterator[tuple[str, Node]]:
    for binding in bindings:
        if len(binding.path) == 1 and binding.path[0].name is not None:
            yield binding.path[0].name, binding.value


def _rename(path: Node | None, target: Node | None) -> Iterator[Rename]:
    old, new = _path(path), _path(target)
    if old and new and old != new:
        yield Rename(old, new, "")


def _path(node: Node | None) -> tuple[str, ...]:
    """Return a literal list of strings, empty if it is anything else."""
    if not isinstance(node, Items):
        return ()
    parts = [element.content for element in node.elements if isinstance(element, Text)]
    literal = tuple(part for part in parts if part is not None)
    return literal if len(literal) == len(node.elements) else ()
