import errno
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from ai_stack.nixos_docs import sources
from ai_stack.nixos_docs.inputs import read_files
from ai_stack.nixos_docs.sources import Source, SourceError, files_of, sources_below

WriteDocs = Callable[[Mapping[str, str]], Path]


def paths(root: Path) -> list[str]:
    return [file.path for file in files_of(sources_below(root))]


def test_folders_are_sources_and_files_beside_them_belong_to_the_directory(write_docs: WriteDocs) -> None:
    root = write_docs({"b/x.md": "", "a/deep/y.rst": "", "top.md": "", "a/data.json": "", "a/z.MD": ""})
    assert paths(root) == ["a/deep/y.rst", "a/z.MD", "b/x.md", "docs/top.md"]


def test_hidden_files_and_folders_are_left_out(write_docs: WriteDocs) -> None:
    assert paths(write_docs({"a/x.md": "", ".git/y.md": "", "a/.hidden/z.md": "", "a/.w.md": ""})) == ["a/x.md"]


def test_a_link_inside_a_source_is_not_followed(write_docs: WriteDocs, tmp_path: Path) -> None:
    secret = tmp_path / "secret.md"
    secret.write_text("secret")
    root = write_docs({"a/x.md": ""})
    (root / "a" / "link.md").symlink_to(secret)
    (root / "a" / "folder").symlink_to(tmp_path)
    assert paths(root) == ["a/x.md"]


def test_a_source_may_itself_be_a_link(write_docs: WriteDocs, tmp_path: Path) -> None:
    root = write_docs({"a/x.md": ""})
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "b").symlink_to(root / "a")
    assert paths(linked) == ["b/x.md"]


def test_two_files_of_one_path_are_an_error_that_names_both(write_docs: WriteDocs) -> None:
    root = write_docs({"a/x.md": "", "b/x.md": ""})
    with pytest.raises(SourceError, match=r"a/x.md and .*b/x.md would both be s/x.md"):
        files_of([Source("s", root / "a"), Source("s", root / "b")])


def test_a_missing_directory_and_an_empty_one_are_errors(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="not a directory"):
        sources_below(tmp_path / "missing")
    with pytest.raises(SourceError, match="no documentation file"):
        files_of(sources_below(tmp_path))


def test_folders_of_any_name_are_sources(write_docs: WriteDocs) -> None:
    assert paths(write_docs({"my docs/ä b.md": "", "_static/x.md": ""})) == ["_static/x.md", "my docs/ä b.md"]


def test_names_that_are_not_text_are_left_out(write_docs: WriteDocs) -> None:
    root = write_docs({"a/x.md": ""})
    (root / os.fsdecode(b"b\xff")).mkdir()
    (root / os.fsdecode(b"b\xff/y.md")).touch()
    (root / "a" / os.fsdecode(b"\xff.md")).touch()
    assert paths(root) == ["a/x.md"]


def test_a_pipe_is_left_out_since_nobody_may_ever_write_to_it(write_docs: WriteDocs) -> None:
    root = write_docs({"a/x.md": "", "top.md": ""})
    os.mkfifo(root / "pipe.md")
    os.mkfifo(root / "a" / "pipe.md")
    assert paths(root) == ["a/x.md", "docs/top.md"]


def test_a_file_that_may_not_be_read_does_not_hide_the_others(
    write_docs: WriteDocs, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_docs({"a/x.md": "text", "a/private.md": "secret"})
    read_bytes = Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path.name == "private.md":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert [(file.path, content) for file, content in read_files(sources_below(root))] == [("a/x.md", b"text")]
    (root / "a" / "x.md").unlink()
    with pytest.raises(SourceError, match="no documentation file can be read"):
        read_files(sources_below(root))


def test_a_folder_that_may_not_be_read_does_not_hide_the_others(
    write_docs: WriteDocs, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_docs({"a/x.md": "", "a/private/y.md": ""})
    scandir = os.scandir

    def refuse(path: str) -> Any:
        if str(path).endswith(refused):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    found = sources_below(root)
    monkeypatch.setattr(os, "scandir", refuse)
    refused = "a/private"
    assert [file.path for file in files_of(found)] == ["a/x.md"]
    refused = "/a"
    with pytest.raises(SourceError, match="Permission denied"):
        files_of(found)


def test_a_file_too_large_for_documentation_is_left_out(write_docs: WriteDocs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MAX_FILE_BYTES", 10)
    assert paths(write_docs({"a/x.md": "short", "a/y.md": "much too long"})) == ["a/x.md"]
