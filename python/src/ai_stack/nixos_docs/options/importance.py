"""How much an option matters, judged by who speaks of it.

Of two options that fit a question alike, that one is meant more likely which the manuals show, or which other options
refer to. Being deep inside of another option counts against it.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from ai_stack.nixos_docs.options.mentions import Mention, referred
from ai_stack.nixos_docs.options.records import Option
from ai_stack.nixos_docs.options.tree import OptionTree

# Shares of the most spoken-of option and of the most spoken-of group of options in the measure, and how much each
# level of depth counts against. Chosen on a coarse grid, around which results hardly change.
_OWN_SHARE = 0.2
_GROUP_SHARE = 0.2
_DEPTH_PENALTY = 0.03

# Options belong together by the first parts of their names: `services.nginx`, `nix.gc`.
_GROUP_PARTS = 2


def importance(options: Sequence[Option], tree: OptionTree, mentions: Iterable[Mention]) -> list[float]:
    """Return a factor around 1 for each option.

    Args:
        options: all of them, in the tree's order.
        tree: of their names.
        mentions: of them in documentation.
    """
    counts = Counter(mention.option for mention in mentions)
    for number, option in enumerate(options):
        told = "\n".join((option.default or "", option.example or "", option.description))
        counts.update(referred(told, tree) - {number})
    groups: Counter[tuple[str, ...]] = Counter()
    for number, count in counts.items():
        groups[options[number].parts[:_GROUP_PARTS]] += count
    most = math.log1p(max(counts.values(), default=1))
    most_of_group = math.log1p(max(groups.values(), default=1))
    return [
        (
            1
            + _OWN_SHARE * math.log1p(counts[number]) / most
            + _GROUP_SHARE * math.log1p(groups[option.parts[:_GROUP_PARTS]]) / most_of_group
        )
        / (1 + _DEPTH_PENALTY * len(option.parts))
        for number, option in enumerate(options)
    ]
