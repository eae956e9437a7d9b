"""Finding, reading and grouping documents."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_stack.cli.corpus import (
    LARGEST_DOCUMENT,
    LARGEST_PDF,
    Document,
    Skipped,
    batches,
    best_practices,
    find_documents,
    read_document,
)
from ai_stack.local.errors import LocalError


def test_documents_are_found_in_order_and_hidden_files_links_and_other_formats_are_not(tmp_path: Path) -> None:
    documents = ("a/A.TXT", "a/page.html", "a/z.rst", "b.md", "manual.pdf", "module.nix", "tool.py")
    for name in (*documents, ".hidden.md", ".git/x.md", "image.png", "a/.x/y.md"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("text")
    (tmp_path / "link.md").symlink_to(tmp_path / "b.md")
    (tmp_path / "folder.md").mkdir()
    found = [path.relative_to(tmp_path).as_posix() for path in find_documents(tmp_path)]
    assert found == list(documents)


def test_a_directory_without_documents_is_explained(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="holds no document"):
        find_documents(tmp_path)
    with pytest.raises(LocalError, match="is not a directory"):
        find_documents(tmp_path / "missing")


def test_a_document_has_its_path_below_the_corpus(tmp_path: Path) -> None:
    path = tmp_path / "guide" / "ä.md"
    path.parent.mkdir()
    path.write_text("# Größe\n")
    assert read_document(tmp_path, path) == Document("guide/ä.md", "# Größe\n")


def test_a_pdf_is_sent_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "Manual.PDF"
    path.write_bytes(b"%PDF-1.4 \xff\0")
    assert read_document(tmp_path, path) == Document("Manual.PDF", "JVBERi0xLjQg/wA=", "base64")
    path.write_bytes(b"")
    assert read_document(tmp_path, path) == Skipped("Manual.PDF", "empty")
    path.write_bytes(b"%PDF-" + b"x" * LARGEST_PDF)
    assert read_document(tmp_path, path) == Skipped("Manual.PDF", f"larger than {LARGEST_PDF} bytes")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\xff\xfe", "not UTF-8"),
        (b"a\0b", "holds NUL bytes"),
        (b" \n", "empty"),
        (b"x" * (LARGEST_DOCUMENT + 1), f"larger than {LARGEST_DOCUMENT} bytes"),
    ],
)
def test_what_aidb_would_refuse_is_skipped_with_the_reason(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "a.md"
    path.write_bytes(content)
    assert read_document(tmp_path, path) == Skipped("a.md", reason)


def test_a_file_that_vanished_or_has_a_name_that_is_no_text_is_skipped(tmp_path: Path) -> None:
    assert read_document(tmp_path, tmp_path / "gone.md") == Skipped("gone.md", "No such file or directory")
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.md"))
    odd.write_text("text")
    assert read_document(tmp_path, odd) == Skipped("?.md", "not UTF-8")
    deep = tmp_path.joinpath(*["d" * 200] * 6, "a.md")
    skipped = read_document(tmp_path, deep)
    assert isinstance(skipped, Skipped)
    assert skipped.reason == "path longer than 1024 characters"


@given(st.lists(st.text(max_size=50)), st.integers(min_value=1, max_value=10), st.integers(min_value=1, max_value=100))
def test_batches_keep_order_and_limits(texts: list[str], count: int, size: int) -> None:
    documents = [Document(str(number), text) for number, text in enumerate(texts)]
    made = list(batches(documents, count, size))
    assert [one for batch in made for one in batch] == documents
    for batch in made:
        assert 1 <= len(batch) <= count
        assert len(batch) == 1 or sum(one.size for one in batch) <= size


def test_best_practices_are_read_when_the_file_is_there(tmp_path: Path) -> None:
    assert best_practices(tmp_path) == []
    file = tmp_path / "best-practices.jsonl"
    file.write_text('{"title": "a"}\n\n{"title": "b"}\n')
    assert best_practices(tmp_path) == [{"title": "a"}, {"title": "b"}]
    file.write_text("no json\n")
    with pytest.raises(LocalError, match="is not a file of JSON lines"):
        best_practices(tmp_path)
    file.write_bytes(b"\xff\n")
    with pytest.raises(LocalError, match="is not a file of JSON lines"):
        best_practices(tmp_path)
    # Line separators other than the line feed may stand in a JSON string (RFC 8259 section 7).
    file.write_text('{"title": "a\u2028b"}\r\n')
    assert best_practices(tmp_path) == [{"title": "a\u2028b"}]


def test_what_is_no_file_holds_no_best_practices(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "best-practices.jsonl")
    assert best_practices(tmp_path) == []
