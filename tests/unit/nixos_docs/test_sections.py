import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ai_stack.nixos_docs.sections import Document, normalise, parse_document, slug

LINE = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        [
            "",
            "# One",
            "## Two {#two}",
            "####### seven",
            "Title",
            "=====",
            "-----",
            "~~~",
            "```nix",
            "```",
            "---",
            "(target)=",
            ".. _label:",
            ":::{note}",
            "    # indented",
            "> # quoted",
            "- # listed",
            'R""(',
            ')""',
            "<div>",
            "| a | b |",
            "[link]: x",
        ]
    ),
)


@given(st.lists(LINE, max_size=30).map("\n".join), st.sampled_from(["a.md", "a.rst"]))
def test_every_line_belongs_to_exactly_one_section(text: str, path: str) -> None:
    document = parse_document(text, path)
    covered = [number for section in document.sections for number in range(section.first, section.last)]
    assert covered == list(range(document.lines))


@example("(1)=\n# {#0}", "a.md")
@example("(first)=\n(second)=\n# Heading", "a.md")
@given(st.lists(LINE, max_size=30).map("\n".join), st.sampled_from(["a.md", "a.rst"]))
def test_no_word_outside_the_header_is_lost(text: str, path: str) -> None:
    document = parse_document(text, path)
    if document.keywords or text.startswith("---"):
        return
    kept = " ".join(
        f"{' '.join(section.headings)} {section.anchor} {section.body}" for section in document.sections
    ).lower()
    for line in normalise(text):
        for word in re.findall(r"[a-z0-9]+", line.lower()):
            assert word in kept


def headings(document: Document) -> list[tuple[str, ...]]:
    return [section.headings for section in document.sections]


def test_a_section_knows_the_headings_above_it() -> None:
    document = parse_document("# A\na\n## B\nb\n### C\nc\n## D\nd\n", "x/a.md")
    assert headings(document) == [("A",), ("A", "B"), ("A", "B", "C"), ("A", "D")]
    assert [section.body for section in document.sections] == ["a", "b", "c", "d"]


def test_text_before_the_first_heading_is_a_section_of_its_own() -> None:
    document = parse_document("hello\n\n# A\na\n", "x/a.md")
    assert headings(document) == [(), ("A",)]
    assert document.sections[0].body == "hello"


def test_a_document_without_headings_is_one_section_named_after_its_file() -> None:
    document = parse_document("just text\n", "x/garbage-collection.md")
    assert document.title == "garbage collection"
    assert headings(document) == [()]


@pytest.mark.parametrize(
    ("text", "path", "title"),
    [
        ("# Only\n## a\n## b\n", "x/a.md", "Only"),
        ("# Examples\n\n# Description\n", "x/registry-pin.md", "registry pin"),
        ("## b\n# a\n", "x/why.md", "why"),
        ("---\ntitle: From the header\n---\n# Other\n", "x/a.md", "From the header"),
        ("text", "x/nginx/default.md", "nginx"),
        ("Top\n===\n\nSub\n---\n", "x/a.rst", "Top"),
    ],
)
def test_the_title_is_what_stands_for_the_whole_document(text: str, path: str, title: str) -> None:
    assert parse_document(text, path).title == title


def test_the_raw_string_around_a_command_page_is_no_text() -> None:
    document = parse_document('R""(\n\n# Examples\n\n* Pin it\n\n)""\n', "nix/registry-pin.md")
    assert [section.body for section in document.sections] == ["", "* Pin it"]


def test_line_ends_and_byte_order_marks_of_other_systems_change_nothing() -> None:
    assert parse_document("\ufeff# A\r\na\r\n", "a.md") == parse_document("# A\na\n", "a.md")


def test_a_file_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="not a documentation file"):
        parse_document("", "a.txt")


def test_an_anchor_is_made_of_the_heading_where_the_author_gave_none() -> None:
    assert slug("How to run non-nix executables?") == "how-to-run-non-nix-executables"
    section = parse_document("# What's *new*\n\nx", "a.md").sections[0]
    assert (section.anchor, section.explicit) == ("whats-new", False)
