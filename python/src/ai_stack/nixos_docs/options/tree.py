"""The options of a release as a tree of their names."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from ai_stack.nixos_docs.options.paths import is_wildcard

# More branches at once than any option's name has wildcards.
_MAX_BRANCHES = 32


@dataclass(slots=True, eq=False)
class TreeNode:
    """A prefix of option names. `option` is the number of the option of exactly this name, None if there is none."""

    name: str
    parent: "TreeNode | None" = None
    option: int | None = None
    children: dict[str, "TreeNode"] = field(default_factory=dict)
    wildcards: list["TreeNode"] = field(default_factory=list)

    def path(self) -> tuple[str, ...]:
        """The parts of the name."""
        parts: list[str] = []
        node = self
        while node.parent is not None:
            parts.append(node.name)
            node = node.parent
        return tuple(reversed(parts))

    def options(self) -> Iterator[int]:
        """Yield the numbers of all options at and below this prefix."""
        stack = [self]
        while stack:
            node = stack.pop()
            if node.option is not None:
                yield node.option
            stack.extend(reversed(node.children.values()))


@dataclass(frozen=True, slots=True)
class Match:
    """How far a path leads into the tree: to `node`, by its first `length` parts."""

    node: TreeNode
    length: int


class OptionTree:
    """Finds options by attribute path. A part such as `<name>` of an option's name matches any part of a path.

    Args:
        names: of the options, as their parts; an option's number is its place.
    """

    def __init__(self, names: Iterable[Sequence[str]]) -> None:
        self.root = TreeNode("")
        for number, parts in enumerate(names):
            node = self.root
            for part in parts:
                child = node.children.get(part)
                if child is None:
                    child = node.children[part] = TreeNode(part, node)
                    if is_wildcard(part):
                        node.wildcards.append(child)
                node = child
            node.option = number

    def find(self, path: Sequence[str | None]) -> TreeNode | None:
        """Return the node of exactly this path, one with fewer wildcards before one with more. None: there is none."""
        best = self.furthest(path)
        return best[0].node if best and best[0].length == len(path) else None

    def furthest(self, path: Sequence[str | None]) -> list[Match]:
        """Return where a path leads to, the longest matches first; of equal ones that with the fewest wildcards.

        Args:
            path: its parts; None for one that is not known, which only a wildcard matches.
        """
        matches: list[Match] = []
        branches = [self.root]
        for length, part in enumerate(path, start=1):
            following: list[TreeNode] = []
            for node in branches:
                if part is not None and (child := node.children.get(part)) is not None:
                    following.append(child)
                following.extend(child for child in node.wildcards if child.name != part)
            branches = following[:_MAX_BRANCHES]
            matches.extend(Match(node, length) for node in branches)
            if not branches:
                break
        # Stable: within a length, the branch that took the literal parts came first.
        return sorted(matches, key=lambda match: -match.length)
