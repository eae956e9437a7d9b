"""Private files and directories, and homes for sockets."""

import os
import stat
from pathlib import Path

import pytest

from ai_stack.local import paths
from ai_stack.local.errors import LocalError


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_directory_is_made_private_with_its_parents_and_an_open_one_is_closed(tmp_path: Path) -> None:
    made = paths.private_directory(tmp_path / "a" / "b")
    assert mode(made) == 0o700
    made.chmod(0o755)
    assert mode(paths.private_directory(made)) == 0o700


def test_a_link_or_a_file_in_place_of_a_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(LocalError, match="belongs to somebody else"):
        paths.private_directory(tmp_path / "link")
    (tmp_path / "file").touch()
    with pytest.raises(LocalError, match="cannot use the directory"):
        paths.private_directory(tmp_path / "file")


def test_a_directory_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(LocalError, match="belongs to somebody else"):
        paths.private_directory(tmp_path)


def test_a_private_file_replaces_the_old_one_and_leaves_no_other(tmp_path: Path) -> None:
    target = tmp_path / "key"
    target.write_text("old")
    target.chmod(0o644)
    paths.write_private(target, "new")
    assert target.read_text() == "new"
    assert mode(target) == 0o600
    assert list(tmp_path.iterdir()) == [target]


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    target = tmp_path / "key"
    target.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        paths.write_private(target, "\ud800")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_that_cannot_be_written_is_explained(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match=r"cannot write .*/missing/key: No such file or directory"):
        paths.write_private(tmp_path / "missing" / "key", "new")


def test_a_secret_is_made_once_and_is_long(tmp_path: Path) -> None:
    first = paths.secret(tmp_path / "s")
    assert len(first) >= 43
    assert paths.secret(tmp_path / "s") == first
    assert paths.secret(tmp_path / "t") != first
    assert mode(tmp_path / "s") == 0o600


def test_sockets_live_in_the_state_directory_when_its_path_is_short(tmp_path: Path) -> None:
    short = tmp_path / "s"
    short.mkdir()
    if len(str(short)) < 80:
        assert paths.socket_directory(short) == short / "run"
        paths.remove_socket_directory(short)
        assert not (short / "run").exists()


def test_sockets_of_a_long_path_live_in_the_run_time_directory(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = tmp_path_factory.mktemp("r")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    long = runtime / ("x" * 100)
    long.mkdir()
    chosen = paths.socket_directory(long)
    assert chosen.parent == runtime
    assert mode(chosen) == 0o700
    assert paths.socket_directory(long) == chosen
    other = runtime / ("y" * 100)
    other.mkdir()
    assert paths.socket_directory(other) != chosen
    (chosen / "in-use").touch()
    paths.remove_socket_directory(long)
    assert chosen.exists()
    (chosen / "in-use").unlink()
    paths.remove_socket_directory(long)
    assert not chosen.exists()
    paths.remove_socket_directory(other)
