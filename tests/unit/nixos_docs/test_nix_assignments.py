import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ai_stack.nixos_docs.nix.assignments import assignments
from ai_stack.nixos_docs.nix.parser import MAX_DEPTH, SnippetError

NAME = st.sampled_from(["enable", "nginx", "a-b", "x'", "_y"])


def paths(snippet: str) -> list[str]:
    return [".".join(part or "?" for part in assignment.path) for assignment in assignments(snippet)]


def test_nested_sets_and_dotted_paths_are_the_same() -> None:
    assert paths("{ a = { b.c = 1; d = { e = 2; }; }; }") == ["a.b.c", "a.d.e"]


def test_lines_are_those_of_the_bindings() -> None:
    assert [item.line for item in assignments("{\n  a = {\n    b = 1;\n\n    c = 2;\n  };\n}")] == [3, 5]


def test_a_module_may_be_a_function() -> None:
    assert paths("{ config, pkgs ? 1, ... }@args: { a = 1; }") == ["a"]
    assert paths("args@{ ... }: let x = { z = 1; }; in with x; assert true; { a = 1; }") == ["a"]


def test_config_is_the_module_itself() -> None:
    assert paths("{ options.a = 1; config = { b = 1; }; config.d = 3; }") == ["b", "d"]


def test_imported_modules_are_modules() -> None:
    assert paths("{ imports = [ ./x.nix { a = 1; } (import ./y.nix) ]; }") == ["a"]


@pytest.mark.parametrize(
    "value",
    [
        "lib.mkIf c { b = 1; }",
        "mkForce { b = 1; }",
        "lib.mkOverride 10 { b = 1; }",
        "lib.mkMerge [ { b = 1; } ]",
        "if c then { b = 1; } else { }",
        "let x = 1; in { b = x; }",
        "with lib; { b = 1; }",
        "x // { b = 1; }",
        "({ b = 1; })",
        "{ name, ... }: { b = 1; }",
        "rec { b = 1; }",
        "lib.optionalAttrs (c == 1) { b = 1; }",
    ],
)
def test_what_stands_around_a_set_does_not_hide_it(value: str) -> None:
    assert "a.b" in paths(f"{{ a = {value}; }}")


@pytest.mark.parametrize(
    "value",
    [
        '"text"',
        "1",
        "./path",
        "pkgs.hello",
        "f { b = 1; }",
        "x.y.z or { b = 1; }",
        "{ b = 1; }.b",
        "[ 1 2 ]",
        "a == { b = 1; }",
        "map (x: { b = x; }) xs",
        "final: { b = 1; }",
        "{ }",
        "lib.mkIf c x",
    ],
)
def test_other_values_are_set_as_they_are(value: str) -> None:
    assert paths(f"{{ a = {value}; }}") == ["a"]


def test_sets_in_lists_are_elements() -> None:
    assert paths("{ a = [ { b = 1; } { b = 2; c = 3; } ] ++ lib.optional x { d = 4; }; }") == [
        "a.*.b",
        "a.*.c",
        "a.*.d",
    ]


def test_inherited_names_are_set() -> None:
    assert paths("{ a = { inherit b; inherit (c.d) e f; g = 1; }; }") == ["a.b", "a.e", "a.f", "a.g"]


def test_quoted_and_computed_names_are_parts() -> None:
    assert paths('{ a."b.c".d = 1; ${x}.e = 2; "f${y}".g = 3; a.<name>.h = 4; }') == [
        "a.b.c.d",
        "?.e",
        "?.g",
        "a.<name>.h",
    ]


def test_bindings_may_stand_by_themselves_and_lack_semicolons() -> None:
    assert paths("a.b = 1;\nc = true\nd.e = f x\ng = { h = 1 };") == ["a.b", "c", "d.e", "g.h"]


def test_what_is_missing_at_the_end_does_not_matter() -> None:
    assert paths("{ a = { b = 1; c = [ {") == ["a.b", "a.c"]
    assert paths('{ a = { b = 1; ... }; c = "') == ["a.b", "c"]


def test_closing_too_much_does_not_matter() -> None:
    assert paths("a = { b = 1; }; }; c = 1; ) ] d = 2;") == ["a.b", "c", "d"]


def test_nesting_has_a_bound() -> None:
    for opening in ("(", "{ a = ", "[ ", "if "):
        with pytest.raises(SnippetError):
            assignments("a = " + opening * (MAX_DEPTH + 1))


def test_functions_of_functions_are_long_and_not_deep() -> None:
    assert paths("a: " * 5000 + "{ b = 1; }") == ["b"]
    assert paths("with a; " * 5000 + "{ b = 1; }") == ["b"]


@given(st.text(alphabet="ab.=;{}[]()\"'$ :,@\n?<>+/", max_size=120))
@example("a.b = with x")
def test_any_text_can_be_read(snippet: str) -> None:
    try:
        found = assignments(snippet)
    except SnippetError:
        return
    assert all(item.path and 1 <= item.line <= 1 + snippet.count("\n") for item in found)


@given(st.lists(st.lists(NAME, min_size=1, max_size=4), min_size=1, max_size=6))
def test_every_binding_is_found(names: list[list[str]]) -> None:
    snippet = "{ lib, ... }: {\n" + "".join(f"  {'.'.join(path)} = lib.mkDefault true;\n" for path in names) + "}"
    assert paths(snippet) == list(dict.fromkeys(".".join(path) for path in names))


def test_long_snippets_take_time_in_proportion() -> None:
    begun = time.process_time()
    for part in ("a.b = 1;\n", "a ", "{ } ", "a.", '"${a}".', "[ ] ++ ", "x: ", "inherit a;", "}", "= "):
        assignments(part * (50_000 // len(part)))
    assert time.process_time() - begun < 10
