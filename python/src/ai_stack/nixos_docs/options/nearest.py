"""Options whose names are near to a path that does not exist."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from ai_stack.nixos_docs.lexicon import spaced_words
from ai_stack.nixos_docs.options.paths import is_wildcard
from ai_stack.nixos_docs.options.tree import OptionTree, TreeNode
from ai_stack.nixos_docs.words import bigrams, edit_distance

# Branches that are followed at a time, and children that are compared with a part of a path.
_BRANCHES = 8
_LIKE = 5

# Parts with fewer pairs of letters in common are different words.
_MIN_LIKENESS = 0.5

# What a part costs that is left out, relative to one that is nothing like the one it stands for.
_SKIP_COST = 0.6
_MAX_COST = 1.3


@dataclass(frozen=True, slots=True)
class _Branch:
    node: TreeNode
    cost: float


def nearest(tree: OptionTree, path: Sequence[str | None], limit: int) -> list[int]:
    """Return the numbers of the options whose names are most like a path, nearest first.

    Part for part, a name may be spelt otherwise, and one part may be missing or too much.

    Args:
        tree: of the options' names.
        path: its parts; None for one that is not known.
        limit: most options to return.
    """
    branches = [_Branch(tree.root, 0.0)]
    ends: list[_Branch] = []
    for place, part in enumerate(path):
        following: dict[int, _Branch] = {}
        for branch in branches:
            # Besides: the part is too much, or one before it is missing.
            options = [*_like(branch.node, part), (branch.node, _SKIP_COST)]
            options.extend(
                (child.children[part], _SKIP_COST)
                for child in branch.node.children.values()
                if part is not None and part in child.children
            )
            for node, cost in options:
                total = branch.cost + cost
                known = following.get(id(node))
                if total <= _MAX_COST and (known is None or total < known.cost):
                    following[id(node)] = _Branch(node, total)
        branches = sorted(following.values(), key=lambda branch: (branch.cost, branch.node.path()))[:_BRANCHES]
        if place == len(path) - 1:
            ends = branches
    found: dict[int, float] = {}
    for branch in ends:
        if branch.node is tree.root:
            continue
        for number, depth in _nearest_options(branch.node):
            cost = branch.cost + 0.1 * depth
            if cost < found.get(number, 9.0):
                found[number] = cost
    return sorted(found, key=lambda number: (found[number], number))[:limit]


def _like(node: TreeNode, part: str | None) -> list[tuple[TreeNode, float]]:
    """Return the children of a node that a part may stand for, with how unlike they are (0 to 1)."""
    if part is None:
        return [(child, 0.0) for child in node.wildcards]
    exact = node.children.get(part)
    found = [(exact, 0.0)] if exact is not None else []
    found.extend((child, 0.0) for child in node.wildcards if child is not exact)
    if exact is None:
        alike = []
        for name, child in node.children.items():
            if not is_wildcard(name) and (likeness := _likeness(part, name)) >= _MIN_LIKENESS:
                alike.append((1 - likeness, name, child))
        found.extend((child, 0.1 + unlike) for unlike, _, child in sorted(alike, key=lambda item: item[:2])[:_LIKE])
    return found


@lru_cache(maxsize=65536)
def _pairs(name: str) -> frozenset[str]:
    return frozenset(bigrams(name.lower()))


@lru_cache(maxsize=65536)
def _words(name: str) -> frozenset[str]:
    return frozenset(spaced_words(name).split())


def _likeness(part: str, name: str) -> float:
    """Return how alike two parts are (0 to 1): by their letters, or by the words that they are made of."""
    letters = _shared(_pairs(part), _pairs(name))
    words = _shared(_words(part), _words(name))
    if words:
        letters = max(letters, _MIN_LIKENESS + (1 - _MIN_LIKENESS) * words)
    # Few letters have few pairs, so that one wrong letter leaves little in common.
    if letters < _MIN_LIKENESS and edit_distance(part.lower(), name.lower(), 1) <= 1:
        return _MIN_LIKENESS
    return letters


def _shared(these: frozenset[str], those: frozenset[str]) -> float:
    """Dice's coefficient."""
    return 2 * len(these & those) / max(1, len(these) + len(those))


def _nearest_options(node: TreeNode) -> list[tuple[int, int]]:
    """Return the options at a node, or those just below it, with their distance from it."""
    if node.option is not None:
        return [(node.option, 0)]
    level, depth = list(node.children.values()), 1
    while level and depth <= 3:
        found = [(child.option, depth) for child in level if child.option is not None]
        if found:
            return found[:10]
        level, depth = [grandchild for child in level for grandchild in child.children.values()], depth + 1
    return []
