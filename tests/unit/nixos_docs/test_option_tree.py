from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from ai_stack.nixos_docs.options.tree import OptionTree

NAMES = ["a", "a.b", "a.b.c", "x.<name>.y", "x.z.y", "x.<name>.<name>.w", "l.*.m"]
PARTS = st.lists(st.sampled_from(["a", "b", "<name>", "*", "c"]), min_size=1, max_size=4)


def tree() -> OptionTree:
    return OptionTree(name.split(".") for name in NAMES)


def found(path: Sequence[str | None]) -> str | None:
    node = tree().find(path)
    return None if node is None or node.option is None else NAMES[node.option]


def test_options_are_found_by_their_names() -> None:
    assert [found(name.split(".")) for name in NAMES] == NAMES


def test_concrete_names_match_wildcards_and_literal_ones_come_first() -> None:
    assert found(["x", "q", "y"]) == "x.<name>.y"
    assert found(["x", "z", "y"]) == "x.z.y"
    assert found(["x", "z", "q", "w"]) == "x.<name>.<name>.w"
    assert found(["l", "0", "m"]) == "l.*.m"


def test_an_unknown_part_matches_wildcards_only() -> None:
    assert found(["x", None, "y"]) == "x.<name>.y"
    assert found([None, "b"]) is None


def test_a_prefix_is_a_node_without_an_option() -> None:
    node = tree().find(["x", "<name>"])
    assert node is not None
    assert node.option is None
    assert sorted(NAMES[number] for number in node.options()) == ["x.<name>.<name>.w", "x.<name>.y"]


def test_the_furthest_match_is_known_for_what_does_not_exist() -> None:
    matches = tree().furthest(["a", "b", "q"])
    assert [(match.length, ".".join(match.node.path())) for match in matches] == [(2, "a.b"), (1, "a")]


@given(st.lists(PARTS, min_size=1, max_size=8, unique_by=tuple))
def test_every_name_leads_to_its_option(names: list[list[str]]) -> None:
    options = OptionTree(names)
    for number, name in enumerate(names):
        node = options.find(name)
        assert node is not None
        assert node.option == number
    assert sorted(options.root.options()) == list(range(len(names)))
