import time

from hypothesis import given
from hypothesis import strategies as st

from ai_stack.nixos_docs.nix.tokens import Token, tokenize


def texts(snippet: str) -> list[tuple[str, str]]:
    return [(token.kind, token.text) for token in tokenize(snippet)[:-1]]


def test_names_strings_paths_and_symbols_are_told_apart() -> None:
    assert texts('{ a.b-c\' = "x y"; p = ./q/r.nix; n = 1.5; s = <nixpkgs/lib>; u = https://a.b/c; }') == [
        ("symbol", "{"),
        ("name", "a"),
        ("symbol", "."),
        ("name", "b-c'"),
        ("symbol", "="),
        ("string", "x y"),
        ("symbol", ";"),
        ("name", "p"),
        ("symbol", "="),
        ("path", "./q/r.nix"),
        ("symbol", ";"),
        ("name", "n"),
        ("symbol", "="),
        ("literal", "1.5"),
        ("symbol", ";"),
        ("name", "s"),
        ("symbol", "="),
        ("path", "<nixpkgs/lib>"),
        ("symbol", ";"),
        ("name", "u"),
        ("symbol", "="),
        ("literal", "https://a.b/c"),
        ("symbol", ";"),
        ("symbol", "}"),
    ]


def test_comments_are_left_out_and_lines_counted() -> None:
    tokens = tokenize("# one\na /* two\nthree */ b\n''\n\n'' c")
    assert [(token.text, token.line) for token in tokens] == [("a", 2), ("b", 3), ("\n\n", 4), ("c", 6), ("", 6)]


def test_a_string_with_an_interpolation_is_dynamic_whatever_is_in_it() -> None:
    snippet = "\"a ${x { y = \"}\"; z = ''}''; /* } */ }} b\" c"
    assert tokenize(snippet) == [Token("string", "a  b", 1, dynamic=True), Token("name", "c", 1), Token("end", "", 1)]


def test_escapes_end_neither_kind_of_string() -> None:
    assert texts(r'"a\"b" c') == [("string", 'a"b'), ("name", "c")]
    assert texts("''a ''' b ''${c} ''\\n d'' e") == [("string", "a '' b ${c} n d"), ("name", "e")]
    assert texts('"$${a}" b') == [("string", "$${a}"), ("name", "b")]


def test_what_is_no_nix_is_left_out() -> None:
    assert texts("a … ` b ~ \\ c") == [("name", "a"), ("name", "b"), ("name", "c")]


def test_what_is_never_closed_ends_with_the_text() -> None:
    for snippet in ('"abc', "''abc", '"a ${b', "/* abc", '"a\\', "''a ''"):
        assert tokenize(snippet)[-1].kind == "end"


@given(st.text(alphabet="ab.\"'${}\\/*#\n<>=:;()[] ", max_size=80))
def test_any_text_has_an_end(snippet: str) -> None:
    tokens = tokenize(snippet)
    assert [token.kind for token in tokens].count("end") == 1
    assert tokens[-1].line == 1 + snippet.count("\n")


def test_long_texts_take_time_in_proportion() -> None:
    begun = time.process_time()
    for part in ("a.", '"${', "/a", "a", "''", "{", "<a", "a:"):
        tokenize(part * (50_000 // len(part)))
    assert time.process_time() - begun < 5
