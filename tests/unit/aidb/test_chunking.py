"""Chunks: they cover the text, keep to the limit, and follow the document's structure."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_stack.aidb.chunking import (
    ContentType,
    chunk_document,
    content_type_of,
    count_tokens,
    parse_html,
    parse_markdown,
    parse_nix,
    parse_pages,
    parse_plain_text,
    parse_python,
    parse_restructuredtext,
)

TYPES: tuple[ContentType, ...] = (
    "text/markdown",
    "text/x-rst",
    "text/html",
    "text/x-python",
    "text/x-nix",
    "text/plain",
)

LINES = st.sampled_from(
    [
        "",
        "# One",
        "## Two {#two}",
        "Title",
        "=====",
        "-----",
        "~~~~~",
        "```nix",
        "```",
        "    indented code",
        "- item",
        "  - item below",
        "> quote",
        "> # heading in a quote",
        "| a | b |",
        "|---|---|",
        "::",
        ".. note::",
        "   words of the note",
        "---",
        "Some words. And more words; and again words!",
        "services.nginx.enable = true;",
        "  enable = true; # comment",
        "class Name(Base):",
        "    async def name(self):",
        "@decorator",
        "<h1>Title <b>bold</b></h1><p>Text",
        "</h2><h3>",
        "<![if[ <!-- <p",
        "x" * 300,
        "日本語のテキスト",
        "\u2028\x0b\x0c",
        "   ",
    ]
)
BREAKS = st.sampled_from(["\n", "\r\n", "\r", "\n\n"])
STRUCTURED = st.lists(st.tuples(LINES, BREAKS), max_size=40).map(
    lambda parts: "".join(line + line_break for line, line_break in parts)
)
TEXTS = STRUCTURED | st.text(max_size=400) | st.text("# =-`\n\r.a", max_size=200)


@given(TEXTS, st.sampled_from(TYPES), st.integers(4, 60))
def test_chunks_are_the_text_in_order_and_none_exceeds_the_limit(
    text: str, content_type: ContentType, max_tokens: int
) -> None:
    chunks = chunk_document(text, content_type, max_tokens=max_tokens)

    assert "".join(chunk.text for chunk in chunks) == text
    assert all(text[chunk.start : chunk.end] == chunk.text for chunk in chunks)
    assert all(one.end == two.start for one, two in pairwise(chunks))
    assert all(chunk.text for chunk in chunks)
    assert all(count_tokens(chunk.text) <= chunk.tokens <= max_tokens for chunk in chunks)


@given(TEXTS, st.integers(4, 60))
def test_neighbours_that_would_fit_together_are_together(text: str, max_tokens: int) -> None:
    chunks = chunk_document(text, "text/plain", max_tokens=max_tokens)

    assert all(one.tokens + two.tokens > max_tokens for one, two in pairwise(chunks))


@given(
    TEXTS,
    st.sampled_from(
        [parse_markdown, parse_restructuredtext, parse_html, parse_python, parse_nix, parse_pages, parse_plain_text]
    ),
)
def test_blocks_cover_the_text_without_gap(text: str, parse: object) -> None:
    assert callable(parse)
    blocks = parse(text)

    if blocks:
        assert (blocks[0].start, blocks[-1].end) == (0, len(text))
    assert all(one.end == two.start for one, two in pairwise(blocks))
    # A definition in source code has a heading without a line of its own.
    assert all(block.start < block.end or (block.start == block.end and block.level) for block in blocks)


@given(st.text(), st.text())
def test_tokens_of_parts_are_never_fewer_than_those_of_the_whole(one: str, two: str) -> None:
    assert count_tokens(one + two) <= count_tokens(one) + count_tokens(two)


def test_pages_become_sections_and_blank_ones_belong_to_the_page_before() -> None:
    chunks = chunk_document("one\f \n\fthree\n\nmore", "application/pdf", max_tokens=100)

    assert [(chunk.headings, chunk.text) for chunk in chunks] == [
        (("Page 1",), "one\f \n\f"),
        (("Page 3",), "three\n\nmore"),
    ]


def test_sections_of_markdown_become_chunks_with_their_heading_path() -> None:
    text = "Preface.\n\n# Guide\n\nIntro.\n\n## Install {#install}\n\nStep.\n\nAlso `x`\n========\n\nEnd.\n"

    chunks = chunk_document(text, "text/markdown", max_tokens=100)

    assert [(chunk.headings, chunk.text.split("\n", 1)[0]) for chunk in chunks] == [
        ((), "Preface."),
        (("Guide",), "# Guide"),
        (("Guide", "Install"), "## Install {#install}"),
        (("Also x",), "Also `x`"),
    ]


def test_sections_of_restructuredtext_are_ranked_by_the_order_of_their_styles() -> None:
    text = (
        "=====\nGuide\n=====\n\nIntro.\n\nInstall\n-------\n\nStep::\n\n    code\n    -----\n\n"
        "Detail\n~~~~~~\n\nMore.\n\n====\nNext\n====\n\nEnd.\n"
    )

    chunks = chunk_document(text, "text/x-rst", max_tokens=100)

    assert [chunk.headings for chunk in chunks] == [
        ("Guide",),
        ("Guide", "Install"),
        ("Guide", "Install", "Detail"),
        ("Next",),
    ]
    assert "    code\n    -----" in chunks[1].text


@pytest.mark.parametrize(
    "text",
    [
        "words\n\n-----\n\nmore words\n",  # a transition
        "=====  =====\nA      B\n=====  =====\n1      2\n=====  =====\n",  # a table
        "A very long line of words\n--\n",  # too short an underline
        "    indented\n    --------\n",
        "- item\n- item\n",
    ],
)
def test_what_looks_like_a_title_of_restructuredtext_is_none(text: str) -> None:
    assert all(block.level == 0 for block in parse_restructuredtext(text))


def test_headings_in_fences_lists_and_quotes_open_no_section() -> None:
    text = "# Real\n\n```\n# not\n```\n\n- item\n\n  ## not\n\n> # not\n"

    assert [block.title for block in parse_markdown(text) if block.level] == ["Real"]


def test_front_matter_is_no_heading() -> None:
    text = "---\ntitle: x\n---\n# Real\n\nwords\n"

    assert [block.title for block in parse_markdown(text) if block.level] == ["Real"]
    assert parse_markdown(text)[0].end == text.index("# Real")


def test_a_heading_without_text_goes_with_the_section_below_it() -> None:
    chunks = chunk_document("# Guide\n\n## Install\n\nStep.\n", "text/markdown", max_tokens=100)

    assert [(chunk.headings, chunk.text) for chunk in chunks] == [
        (("Guide", "Install"), "# Guide\n\n## Install\n\nStep.\n")
    ]


def test_a_fence_that_fits_is_not_torn() -> None:
    words = "word " * 30
    fence = "```nix\n" + "a = 1;\n" * 6 + "```\n"
    chunks = chunk_document(f"{words}\n\n{fence}\n{words}\n", "text/markdown", max_tokens=45)

    assert any(fence in chunk.text for chunk in chunks)


def test_a_fence_that_does_not_fit_is_cut_at_lines() -> None:
    fence = "```\n" + "".join(f"line number {n}\n" for n in range(40)) + "```\n"

    chunks = chunk_document(fence, "text/markdown", max_tokens=30)

    assert len(chunks) > 1
    assert all(chunk.text.endswith("\n") for chunk in chunks)


def test_a_paragraph_that_does_not_fit_is_cut_at_sentences() -> None:
    text = "The first sentence has words. " * 20

    chunks = chunk_document(text, "text/plain", max_tokens=30)

    assert len(chunks) > 1
    assert all(chunk.text.endswith("words. ") for chunk in chunks)


def test_a_word_without_end_is_cut_anywhere() -> None:
    text = "x" * 5000

    chunks = chunk_document(text, "text/plain", max_tokens=20)

    assert "".join(chunk.text for chunk in chunks) == text
    assert max(len(chunk.text) for chunk in chunks) <= 100


def test_white_space_alone_is_one_chunk_and_nothing_none() -> None:
    assert [chunk.text for chunk in chunk_document(" \n\n ", "text/markdown", max_tokens=10)] == [" \n\n "]
    assert chunk_document("", "text/markdown", max_tokens=10) == []


def test_a_limit_that_no_character_fits_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 4"):
        chunk_document("x", "text/plain", max_tokens=3)


@pytest.mark.parametrize(
    ("markup", "title"),
    [
        ("Plain words", "Plain words"),
        ("With `code` and *stress*", "With code and stress"),
        ("A [link](https://example.org/x) here", "A link here"),
        ("Option {option}`services.x`", "Option services.x"),
        ("Anchor {#some-anchor}", "Anchor"),
        ("snake_case stays", "snake_case stays"),
    ],
)
def test_headings_are_shown_without_their_markup(markup: str, title: str) -> None:
    assert parse_markdown(f"# {markup}\n")[0].title == title


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("a/b.md", "text/markdown"),
        ("README.MARKDOWN", "text/markdown"),
        ("index.rst", "text/x-rst"),
        ("notes.txt", "text/plain"),
        ("Makefile", "text/plain"),
        (".md", "text/plain"),
        ("Manual.PDF", "application/pdf"),
    ],
)
def test_the_suffix_says_the_content_type(path: str, content_type: str) -> None:
    assert content_type_of(path) == content_type


def test_definitions_of_python_become_chunks_with_their_decorators() -> None:
    text = (
        '"""Module."""\n\nimport os\n\n# About\n@decorated\ndef first() -> None:\n    def inner():\n        pass\n\n'
        "class Second:\n    x = 1\n\n    @property\n    async def third(self):\n        return 3\n"
    )

    chunks = chunk_document(text, "text/x-python", max_tokens=60)

    assert [(chunk.headings, chunk.text.split("\n")[0]) for chunk in chunks] == [
        ((), '"""Module."""'),
        (("first",), "# About"),
        (("first", "inner"), "    def inner():"),
        (("Second",), "class Second:"),
        (("Second", "third"), "    @property"),
    ]


def test_attributes_of_nix_become_chunks_with_their_comments() -> None:
    text = (
        "{ lib, ... }:\n{\n  # Whether.\n  options.services.tea.enable = lib.mkOption {\n    default = false;\n"
        "  };\n\n  config = {\n    a == b;\n  };\n}\n"
    )

    chunks = chunk_document(text, "text/x-nix", max_tokens=60)

    assert [(chunk.headings, chunk.text.strip().split("\n")[0]) for chunk in chunks] == [
        ((), "{ lib, ... }:"),
        (("options.services.tea.enable",), "# Whether."),
        (("options.services.tea.enable", "default"), "default = false;"),
        (("config",), "config = {"),
    ]


def test_sections_of_html_become_chunks_with_their_heading_path() -> None:
    text = "<html><body><h1>The <em>guide</em></h1>\n<p>Intro.</p>\n<h2>A &amp; B</h2><pre>x\n</pre></body></html>"

    chunks = chunk_document(text, "text/html", max_tokens=60)

    assert [chunk.headings for chunk in chunks] == [("The guide",), ("The guide", "A & B")]
    assert "".join(chunk.text for chunk in chunks) == text


@pytest.mark.parametrize(
    ("path", "content_type"),
    [("a/default.nix", "text/x-nix"), ("b.py", "text/x-python"), ("c.HTML", "text/html"), ("d.htm", "text/html")],
)
def test_suffixes_say_what_sources_are(path: str, content_type: ContentType) -> None:
    assert content_type_of(path) == content_type
