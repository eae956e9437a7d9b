"""Backups of a state directory: what is in them, and what is refused."""

import io
import json
import stat
import tarfile
from pathlib import Path

import pytest

from ai_stack.local.backup import MANIFEST, restore_backup, write_backup
from ai_stack.local.errors import LocalError
from ai_stack.local.lock import StateLock


@pytest.fixture
def state(tmp_path: Path) -> Path:
    directory = tmp_path / "state"
    for folder in ("", "log", "run", "qdrant/collection", "postgres/data"):
        (directory / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, text in {
        "api-keys.json": "[]",
        "api-key": "the key\n",
        "lock": "",
        "log/aidb.log": "noise",
        "qdrant/collection/storage.sqlite": "vectors",
        "postgres/data/PG_VERSION": "18\n",
    }.items():
        (directory / name).write_text(text)
        (directory / name).chmod(0o600)
    return directory


def archive_of(path: Path, members: dict[str, str | tarfile.TarInfo]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
                continue
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content.encode()))
    return path


def manifest(version: int = 1) -> str:
    return json.dumps({"format": version})


def test_what_was_stored_comes_back_with_its_permissions(state: Path, tmp_path: Path) -> None:
    made = write_backup(state, tmp_path / "backup.tar.gz")
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
    assert made.files == restore_backup(tmp_path / "new", made.path) == 4
    new = tmp_path / "new"
    assert (new / "qdrant/collection/storage.sqlite").read_text() == "vectors"
    assert stat.S_IMODE(new.stat().st_mode) == 0o700
    assert stat.S_IMODE((new / "postgres/data").stat().st_mode) == 0o700
    assert stat.S_IMODE((new / "api-key").stat().st_mode) == 0o600
    assert sorted(path.name for path in new.iterdir()) == ["api-key", "api-keys.json", "postgres", "qdrant"]


def test_a_running_stack_is_not_backed_up(state: Path, tmp_path: Path) -> None:
    with StateLock(state), pytest.raises(LocalError, match="stop it with"):
        write_backup(state, tmp_path / "backup.tar.gz")
    assert not (tmp_path / "backup.tar.gz").exists()


def test_a_stack_that_was_killed_is_not_backed_up(state: Path, tmp_path: Path) -> None:
    (state / "stack.json").write_text("{}")
    with pytest.raises(LocalError, match="not stopped in order"):
        write_backup(state, tmp_path / "backup.tar.gz")


def test_an_existing_file_is_not_overwritten(state: Path, tmp_path: Path) -> None:
    (tmp_path / "backup.tar.gz").write_text("precious")
    with pytest.raises(LocalError, match="exists already"):
        write_backup(state, tmp_path / "backup.tar.gz")
    assert (tmp_path / "backup.tar.gz").read_text() == "precious"


def test_without_a_stack_there_is_no_backup(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="no stack"):
        write_backup(tmp_path, tmp_path / "backup.tar.gz")


def test_a_directory_that_holds_something_is_not_restored_into(state: Path, tmp_path: Path) -> None:
    made = write_backup(state, tmp_path / "backup.tar.gz")
    (state / "api-key").write_text("newer")
    with pytest.raises(LocalError, match="is not empty"):
        restore_backup(state, made.path)
    assert (state / "api-key").read_text() == "newer"


def test_a_damaged_archive_restores_nothing(state: Path, tmp_path: Path) -> None:
    made = write_backup(state, tmp_path / "backup.tar.gz")
    content = made.path.read_bytes()
    made.path.write_bytes(content[: len(content) // 2])
    with pytest.raises(LocalError, match="cannot restore"):
        restore_backup(tmp_path / "new", made.path)
    assert not (tmp_path / "new").exists()
    assert not list(tmp_path.glob(".new-*"))


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"state/api-keys.json": "[]"}, "not a backup"),
        ({MANIFEST: manifest(2)}, "format 2"),
        ({MANIFEST: "{"}, "format None"),
        ({MANIFEST: manifest()}, "no stack"),
        ({MANIFEST: manifest(), "../escaped": "x"}, "not restored"),
        ({MANIFEST: manifest(), "state/../../escaped": "x"}, "not restored"),
        ({MANIFEST: manifest(), "/escaped": "x"}, "not restored"),
        ({MANIFEST: manifest(), "elsewhere/escaped": "x"}, "not restored"),
    ],
)
def test_an_archive_of_others_is_refused(members: dict[str, str], reason: str, tmp_path: Path) -> None:
    source = archive_of(tmp_path / "backup.tar.gz", dict(members))
    with pytest.raises(LocalError, match=reason):
        restore_backup(tmp_path / "new", source)
    assert not (tmp_path / "new").exists()
    assert not list(tmp_path.rglob("escaped"))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(kind: bytes, tmp_path: Path) -> None:
    info = tarfile.TarInfo("state/link")
    info.type, info.linkname = kind, "/etc/passwd"
    source = archive_of(tmp_path / "backup.tar.gz", {MANIFEST: manifest(), "state/link": info})
    with pytest.raises(LocalError, match="not restored"):
        restore_backup(tmp_path / "new", source)


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "backup.tar.gz").write_text("text")
    with pytest.raises(LocalError, match="cannot restore"):
        restore_backup(tmp_path / "new", tmp_path / "backup.tar.gz")
    with pytest.raises(LocalError, match="No such file"):
        restore_backup(tmp_path / "new", tmp_path / "none.tar.gz")
