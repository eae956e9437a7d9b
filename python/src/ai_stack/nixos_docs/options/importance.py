"""How much an option matters, judged by who speaks of it.

Of two options that fit a question alike, that one is meant more likely which the manuals show, or which other options
refer to. Being deep inside of another option counts against it.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence

from ai_stack.nixos_docs.nix.assignments import assignments
from ai_stack.nixos_docs.nix.parser import SnippetError
from ai_stack.nixos_docs.options.paths import split_path
from ai_stack.nixos_docs.options.records import Option
from ai_stack.nixos_docs.options.tree import OptionTree

# Attribute paths in running text, and blocks of code.
_REFERENCE = re.compile(r'[A-Za-z][\w-]*(?:\.(?:[A-Za-z_][\w-]*|"[^"\n]+"|<[^<>\n]+>|\*))+')
_FENCE = re.compile(r"^( *)(```+|~~~+)[^\n]*\n(.*?)^\1\2", re.DOTALL | re.MULTILINE)

# Shares of the most spoken-of option and of the most spoken-of group of options in the measure, and how much each
# level of depth counts against. Chosen on a coarse grid, around which results hardly change.
_OWN_SHARE = 0.2
_GROUP_SHARE = 0.2
_DEPTH_PENALTY = 0.03

# Options belong together by the first parts of their names: `services.nginx`, `nix.gc`.
_GROUP_PARTS = 2


def importance(options: Sequence[Option], tree: OptionTree, texts: Iterable[str]) -> list[float]:
    """Return a factor around 1 for each option.

    Args:
        options: all of them, in the tree's order.
        tree: of their names.
        texts: of documentation, one for each section.
    """
    mentions: Counter[int] = Counter()
    for text in texts:
        mentions.update(_mentioned(text, tree))
    for number, option in enumerate(options):
        told = "\n".join((option.default or "", option.example or "", option.description))
        mentions.update(_referred(told, tree) - {number})
    groups: Counter[tuple[str, ...]] = Counter()
    for number, count in mentions.items():
        groups[options[number].parts[:_GROUP_PARTS]] += count
    most = math.log1p(max(mentions.values(), default=1))
    most_of_group = math.log1p(max(groups.values(), default=1))
    return [
        (
            1
            + _OWN_SHARE * math.log1p(mentions[number]) / most
            + _GROUP_SHARE * math.log1p(groups[option.parts[:_GROUP_PARTS]]) / most_of_group
        )
        / (1 + _DEPTH_PENALTY * len(option.parts))
        for number, option in enumerate(options)
    ]


def _mentioned(text: str, tree: OptionTree) -> set[int]:
    found = _referred(text, tree)
    for match in _FENCE.finditer(text):
        try:
            set_in_code = [assignment.path for assignment in assignments(match[3])]
        except SnippetError:
            continue
        found.update(_numbers(set_in_code, tree))
    return found


def _referred(text: str, tree: OptionTree) -> set[int]:
    paths = (split_path(match[0]) for match in _REFERENCE.finditer(text))
    return _numbers((path[1:] if path and path[0] in {"config", "options"} else path for path in paths), tree)


def _numbers(paths: Iterable[Sequence[str | None]], tree: OptionTree) -> set[int]:
    nodes = (tree.find(path) for path in paths)
    return {node.option for node in nodes if node is not None and node.option is not None}
