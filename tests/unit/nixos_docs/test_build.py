import fcntl
import os
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ai_stack.nixos_docs import build, schema
from ai_stack.nixos_docs.builder import BuildError, build_index, content_digest
from ai_stack.nixos_docs.inputs import Inputs
from ai_stack.nixos_docs.opening import IndexRefused, validate
from ai_stack.nixos_docs.sources import Source, sources_below

WriteDocs = Callable[[Mapping[str, str]], Path]


def test_the_same_documents_give_the_same_bytes(docs: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    build_index(Inputs(sources_below(docs)), first)
    build_index(Inputs(list(reversed(sources_below(docs)))), second)
    assert first.read_bytes() == second.read_bytes()


def test_the_digest_changes_with_any_document_and_with_nothing_else(docs: Path) -> None:
    before = content_digest(Inputs(sources_below(docs)))
    (docs / "manual" / "firewall.md").touch()
    assert content_digest(Inputs(sources_below(docs))) == before
    (docs / "manual" / "firewall.md").write_text("# Firewall\n\nchanged\n")
    assert content_digest(Inputs(sources_below(docs))) != before


def test_an_index_tells_what_it_holds(docs: Path, index: Path) -> None:
    info = validate(index)
    assert (info.documents, info.sections) == (5, 7)
    assert info.content_digest == content_digest(Inputs(sources_below(docs)))
    assert [(source.name, source.files, source.sections) for source in info.sources] == [
        ("manual", 3, 5),
        ("pills", 2, 2),
    ]
    assert info.size_bytes == index.stat().st_size
    assert info.built_at is not None


def test_a_file_from_the_nix_store_has_no_time(index: Path) -> None:
    os.utime(index, (1, 1))
    assert validate(index).built_at is None


def test_nothing_is_left_beside_the_index(index: Path) -> None:
    assert sorted(path.name for path in index.parent.iterdir()) == ["docs", "index.sqlite"]


def test_what_a_killed_build_left_is_used_up(docs: Path, tmp_path: Path) -> None:
    (tmp_path / ".index.sqlite.new").write_bytes(b"half of an index")
    build_index(Inputs(sources_below(docs)), tmp_path / "index.sqlite")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["docs", "index.sqlite"]


def test_two_builds_of_one_index_do_not_mix(docs: Path, tmp_path: Path) -> None:
    with (tmp_path / ".index.sqlite.new").open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(BuildError, match="another process"):
            build_index(Inputs(sources_below(docs)), tmp_path / "index.sqlite")


def test_a_stopped_build_leaves_the_old_index(docs: Path, index: Path) -> None:
    before = index.read_bytes()
    with pytest.raises(BuildError, match="stopped"):
        build_index(Inputs(sources_below(docs)), index, stopped=lambda: True)
    assert index.read_bytes() == before
    assert sorted(path.name for path in index.parent.iterdir()) == ["docs", "index.sqlite"]


def test_documents_without_any_text_make_no_index(write_docs: WriteDocs, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="empty"):
        build_index(Inputs(sources_below(write_docs({"a/x.md": "# Only a heading\n"}))), tmp_path / "index")
    assert not (tmp_path / "index").exists()


def test_a_directory_that_cannot_be_written_is_an_error(docs: Path) -> None:
    with pytest.raises(BuildError):
        build_index(Inputs(sources_below(docs)), docs / "manual" / "firewall.md" / "index")


def test_text_that_is_not_utf8_is_indexed_all_the_same(write_docs: WriteDocs, tmp_path: Path) -> None:
    root = write_docs({"a/x.md": ""})
    (root / "a" / "x.md").write_bytes(b"caf\xe9 \x00 text")
    assert build_index(Inputs([Source("a", root / "a")]), tmp_path / "index").sections == 1


@pytest.mark.parametrize("kind", ["missing", "directory", "empty", "text", "other database", "other layout", "short"])
def test_what_is_not_a_whole_index_is_refused(kind: str, index: Path) -> None:
    content = index.read_bytes()
    if kind in {"missing", "directory"}:
        index.unlink()
        if kind == "directory":
            index.mkdir()
    elif kind == "empty":
        index.write_bytes(b"")
    elif kind == "text":
        index.write_text("not an index " * 1000)
    elif kind == "short":
        index.write_bytes(content[: len(content) // 2])
    else:
        pragma = "application_id = 1" if kind == "other database" else f"user_version = {schema.SCHEMA_VERSION + 1}"
        with sqlite3.connect(index) as database:
            database.execute(f"PRAGMA {pragma}")
        database.close()
    with pytest.raises(IndexRefused):
        validate(index)


def test_damage_in_the_full_text_data_is_found(index: Path) -> None:
    with sqlite3.connect(index) as database:
        database.execute("UPDATE sections_text_data SET block = zeroblob(length(block)) WHERE id > 10")
    database.close()
    with pytest.raises(IndexRefused):
        validate(index)


@pytest.mark.parametrize("table", ["documents", "sections", "bodies"])
def test_missing_rows_are_found(table: str, index: Path) -> None:
    with sqlite3.connect(index) as database:
        database.execute(f"DELETE FROM {table} WHERE rowid = 1")
    database.close()
    with pytest.raises(IndexRefused, match=table):
        validate(index)


def test_the_command_writes_an_index_and_says_so(
    docs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build.main(["--docs", str(docs), "-o", str(tmp_path / "out")]) == 0
    assert "7 sections of 5 files" in capsys.readouterr().out
    assert validate(tmp_path / "out" / "index.sqlite").sections == 7


def test_the_command_fails_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build.main(["--docs", str(tmp_path / "missing"), "-o", str(tmp_path / "index")]) == 1
    assert capsys.readouterr().err.count("\n") == 1
