import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_stack.nixos_docs.options.paths import is_wildcard, join_path, split_path


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a.b.c", ("a", "b", "c")),
        ('environment.etc."x.y/z".text', ("environment", "etc", "x.y/z", "text")),
        ("services.nginx.virtualHosts.<name>.root", ("services", "nginx", "virtualHosts", "<name>", "root")),
        ("swapDevices.*.size", ("swapDevices", "*", "size")),
        (r'a."b\"c"', ("a", 'b"c')),
        ("a.${b.c}.d", ("a", "${b.c}", "d")),
        ('a."".b', ("a", "", "b")),
        ("", ()),
        ("..", ()),
    ],
)
def test_paths_are_split_at_their_dots_only(text: str, parts: tuple[str, ...]) -> None:
    assert split_path(text) == parts


def test_parts_that_are_no_identifiers_are_quoted() -> None:
    assert join_path(("a", "b c", "<name>", "*", None, "x-y'", "1")) == 'a."b c".<name>.*.<name>.x-y\'."1"'


@given(st.lists(st.text(max_size=8), min_size=1, max_size=5))
def test_what_was_joined_is_split_again(parts: list[str]) -> None:
    assert split_path(join_path(parts)) == tuple(parts)


def test_wildcards_are_known() -> None:
    assert [is_wildcard(part) for part in ("<name>", "*", "<user name>", "name", "a*")] == [
        True,
        True,
        True,
        False,
        False,
    ]
