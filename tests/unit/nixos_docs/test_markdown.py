from ai_stack.nixos_docs.headings import Heading
from ai_stack.nixos_docs.markdown import outline


def headings(text: str) -> list[tuple[int, str, str]]:
    return [(heading.level, heading.text, heading.anchor) for heading in outline(text.split("\n")).headings]


def test_both_heading_styles_are_found() -> None:
    assert headings("# One\n\nTwo\n---\n\nThree\nlines\n===\n") == [
        (1, "One", ""),
        (2, "Two", ""),
        (1, "Three lines", ""),
    ]


def test_what_looks_like_a_heading_inside_code_is_none() -> None:
    assert headings("```nix\n# comment\n```\n\n    # indented\n\n~~~\n# more\n~~~\n") == []


def test_headings_in_quotations_and_lists_do_not_divide_the_document() -> None:
    assert headings("> # quoted\n\n- # listed\n") == []


def test_an_unclosed_fence_runs_to_the_end() -> None:
    assert headings("# A\n```\n# B\n") == [(1, "A", "")]


def test_the_authors_anchor_is_taken_from_either_place() -> None:
    assert headings("# A {#sec-a}\n\n(target)=\n## B\n") == [(1, "A", "sec-a"), (2, "B", "target")]


def test_the_nearest_of_several_targets_counts_and_all_belong_to_the_section() -> None:
    found = outline(["text", "", "(far)=", "", "(near)=", "# A", "a"]).headings
    assert found == (Heading(level=1, text="A", anchor="near", first=2, body=6, other_anchors=("far",)),)


def test_markup_in_a_heading_is_left_out() -> None:
    assert headings("# Use `nix-env` with {term}`Nixpkgs` and *[this](http://x)* \\$HOME") == [
        (1, "Use nix-env with Nixpkgs and this $HOME", "")
    ]


def test_names_with_underscores_keep_them() -> None:
    assert headings("# The __structuredAttrs and my_name of _x_") == [(1, "The structuredAttrs and my_name of x", "")]


def test_front_matter_is_no_heading_and_gives_keywords() -> None:
    found = outline(["---", "myst:", "  html_meta:", '    "keywords": "docker, tutorial"', "---", "", "# A", ""])
    assert [heading.text for heading in found.headings] == ["A"]
    assert (found.keywords, found.title, found.body) == ("docker, tutorial", "", 5)


def test_a_rule_that_opens_no_front_matter_is_text() -> None:
    found = outline(["---", "", "# A"])
    assert found.body == 0
    assert [heading.text for heading in found.headings] == ["A"]
