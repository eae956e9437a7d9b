"""Editing a file of API keys."""

import os
import stat
import threading
from pathlib import Path

import pytest

from ai_stack.local import keyfile
from ai_stack.local.blueprint import user_key
from ai_stack.local.errors import LocalError
from ai_stack.service.auth import KeyStore


def test_an_added_key_opens_the_service_with_its_scopes(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    key = keyfile.add_key(path, "editor", ["write", "read"])
    principal = KeyStore(path).authenticate(key)
    assert principal is not None
    assert principal.name == "editor"
    assert principal.scopes == {"read", "write"}
    assert key not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_revoked_key_opens_nothing(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    kept, gone = keyfile.add_key(path, "kept", ["read"]), keyfile.add_key(path, "gone", ["read"])
    keyfile.revoke_key(path, "gone")
    store = KeyStore(path)
    assert store.authenticate(gone) is None
    assert store.authenticate(kept) is not None
    assert [record.name for record in keyfile.list_keys(path)] == ["kept"]


def test_a_file_that_the_services_group_may_read_stays_so(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    keyfile.add_key(path, "a", ["read"])
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    keyfile.add_key(path, "b", ["read"])
    keyfile.revoke_key(path, "a")
    assert path.stat().st_mode & 0o777 == 0o640


def test_the_file_stays_with_its_group(tmp_path: Path) -> None:
    """An ordinary user can give a file only to its own groups; root to any."""
    path = tmp_path / "keys.json"
    keyfile.add_key(path, "a", ["read"])
    group = 1 if os.geteuid() == 0 else (os.getgroups() or [os.getgid()])[-1]
    os.chown(path, -1, group)
    keyfile.add_key(path, "b", ["read"])
    assert path.stat().st_gid == group


def test_mistakes_are_explained(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    keyfile.add_key(path, "a", ["read"])
    with pytest.raises(LocalError, match="already has a key named a: revoke it first"):
        keyfile.add_key(path, "a", ["read"])
    with pytest.raises(LocalError, match="has no key named b"):
        keyfile.revoke_key(path, "b")
    with pytest.raises(LocalError, match="scopes are read, write, admin"):
        keyfile.add_key(path, "c", ["root"])
    with pytest.raises(LocalError, match="a name is 1 to 128 letters"):
        keyfile.add_key(path, "not a name", ["read"])
    with pytest.raises(LocalError, match="No such file"):
        keyfile.add_key(tmp_path / "missing" / "keys.json", "a", ["read"])
    path.write_text("{")
    with pytest.raises(LocalError, match="must be a JSON list"):
        keyfile.list_keys(path)


def test_editors_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    threads = [threading.Thread(target=keyfile.add_key, args=(path, f"k{n}", ["read"])) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {record.name for record in keyfile.list_keys(path)} == {f"k{n}" for n in range(16)}


def test_the_users_key_is_made_once_reads_and_writes_but_does_not_administrate(tmp_path: Path) -> None:
    key_file, keys = tmp_path / "api-key", tmp_path / "keys.json"
    first = user_key(key_file, keys).read_text().strip()
    assert user_key(key_file, keys).read_text().strip() == first
    principal = KeyStore(keys).authenticate(first)
    assert principal is not None
    assert principal.may("write")
    assert not principal.may("admin")
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600


def test_the_users_key_is_made_anew_when_either_file_was_lost(tmp_path: Path) -> None:
    key_file, keys = tmp_path / "api-key", tmp_path / "keys.json"
    first = user_key(key_file, keys).read_text()
    key_file.unlink()
    second = user_key(key_file, keys).read_text()
    assert second != first
    keys.unlink()
    third = user_key(key_file, keys).read_text()
    assert third != second
    assert KeyStore(keys).authenticate(third.strip()) is not None
