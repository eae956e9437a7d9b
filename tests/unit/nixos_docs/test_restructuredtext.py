from ai_stack.nixos_docs.headings import Heading
from ai_stack.nixos_docs.restructuredtext import outline


def headings(text: str) -> list[tuple[int, str, str]]:
    return [(heading.level, heading.text, heading.anchor) for heading in outline(text.split("\n")).headings]


def test_levels_follow_the_order_in_which_styles_appear() -> None:
    assert headings("A\n~~~\n\nB\n===\n\nC\n~~~\n\nD\n===\n") == [
        (1, "A", ""),
        (2, "B", ""),
        (1, "C", ""),
        (2, "D", ""),
    ]


def test_an_overline_makes_a_style_of_its_own() -> None:
    assert headings("===\nTop\n===\n\nSub\n===\n") == [(1, "Top", ""), (2, "Sub", "")]
    assert outline(["===", "Top", "==="]).headings == (Heading(level=1, text="Top", anchor="", first=0, body=3),)


def test_a_label_above_names_the_section() -> None:
    found = outline([".. _sec-gc:", "", "", "Cleaning", "--------", "", "x"]).headings
    assert found == (Heading(level=1, text="Cleaning", anchor="sec-gc", first=0, body=5),)


def test_a_rule_between_paragraphs_is_no_heading() -> None:
    assert headings("text\n\n----\n\nmore\n") == []


def test_the_last_line_of_a_paragraph_is_no_heading() -> None:
    assert headings("first line\nsecond line\n-----------\n") == []


def test_indented_and_underscored_literals_are_no_headings() -> None:
    assert headings("code::\n\n    Title\n    -----\n") == []


def test_an_underline_that_is_too_short_is_none() -> None:
    assert headings("A long title\n--\n") == []


def test_roles_are_shown_as_what_they_name() -> None:
    assert headings("Use :command:`nix-env` now\n--------------------------\n") == [(1, "Use nix-env now", "")]
