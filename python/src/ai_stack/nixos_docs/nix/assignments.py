"""The options that a Nix expression sets."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ai_stack.nixos_docs.nix.nodes import Apply, Attributes, Binding, Either, Function, Items, Node
from ai_stack.nixos_docs.nix.parser import parse

#: Stands for any element of a list, as in option names.
ANY_ELEMENT = "*"

# Functions of lib whose last argument is, or holds, the value: https://nixos.org/manual/nixos/stable/#sec-option-definitions
_WRAPPERS = frozenset(
    """mkIf mkMerge mkForce mkDefault mkOverride mkBefore mkAfter mkOrder mkVMOverride mkImageMediaOverride mkDefinition
    mkAssert optionalAttrs optionals optional recursiveUpdate""".split()  # noqa: SIM905 - a list of words
)

# What a module may have beside options.
_NO_OPTIONS = frozenset({"options", "disabledModules", "_module", "_class", "_file", "key", "meta", "freeformType"})


@dataclass(frozen=True, slots=True)
class Assignment:
    """An option that is set. A part of `path` is None where it is computed, `ANY_ELEMENT` for an element of a list."""

    path: tuple[str | None, ...]
    line: int


def assignments(text: str) -> list[Assignment]:
    """Return the options that a snippet sets, each once, in order.

    The snippet may be a module (a set or a function that returns one), or bindings by themselves. Sets within sets are
    followed down to what is no set, through `lib.mkIf` and the like, conditionals, `//`, `let` and `with`; the contents
    of functions' results are not known and not looked for.

    Raises:
        SnippetError: nested too deeply.
    """
    found: dict[tuple[str | None, ...], Assignment] = {}
    for node in parse(text):
        for assignment in _modules(node):
            found.setdefault(assignment.path, assignment)
    return list(found.values())


def _modules(node: Node) -> Iterator[Assignment]:
    """Yield what a module, or a list of modules, sets."""
    match node:
        case Function(body=body):
            yield from _modules(body)
        case Items(elements=nodes) | Either(choices=nodes):
            for inner in nodes:
                yield from _modules(inner)
        case Apply(function=function, arguments=arguments) if function in _WRAPPERS:
            yield from _modules(arguments[-1])
        case Attributes(bindings=bindings):
            for binding in _outermost(bindings):
                yield from _binding(binding, ())


def _outermost(bindings: Iterable[Binding]) -> Iterator[Binding]:
    """Yield the bindings of a module that are options: those under `config`, and those beside it."""
    for binding in bindings:
        name = binding.path[0].name if binding.path else None
        if name == "config" and len(binding.path) > 1:
            yield Binding(binding.path[1:], binding.value, binding.line)
        elif name in {"config", "imports"}:
            yield Binding((), binding.value, binding.line)
        elif name not in _NO_OPTIONS:
            yield binding


def _binding(binding: Binding, prefix: tuple[str | None, ...]) -> Iterator[Assignment]:
    path = (*prefix, *(component.name for component in binding.path))
    if not path:
        yield from _modules(binding.value)
        return
    below = list(_below(binding.value, path))
    yield from below or [Assignment(path, binding.line)]


def _below(node: Node, path: tuple[str | None, ...]) -> Iterator[Assignment]:
    """Yield what a value sets below its own path; nothing, if it is no set."""
    match node:
        case Attributes(bindings=bindings):
            for binding in bindings:
                yield from _binding(binding, path)
        case Function(body=body, pattern=True):
            # A submodule may be a function of `{ name, config, … }`.
            yield from _below(body, path)
        case Either(choices=choices):
            for choice in choices:
                yield from _below(choice, path)
        case Items(elements=elements):
            for element in elements:
                yield from _below(element, (*path, ANY_ELEMENT))
        case Apply(function=function, arguments=arguments) if function in _WRAPPERS:
            yield from _wrapped(function, arguments[-1], path)


def _wrapped(function: str, inner: Node, path: tuple[str | None, ...]) -> Iterator[Assignment]:
    """Yield what the last argument of a function of `_WRAPPERS` sets."""
    if isinstance(inner, Items) and function == "mkMerge":
        for element in inner.elements:
            yield from _below(element, path)
    else:
        yield from _below(inner, (*path, ANY_ELEMENT) if function == "optional" else path)
