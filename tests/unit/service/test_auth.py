"""API keys: storage, scopes, reloading."""

import json
from pathlib import Path

import pytest
from multidict import CIMultiDict

from ai_stack.service.auth import (
    KEY_PREFIX,
    RELOAD_INTERVAL,
    KeyFileError,
    KeyStore,
    Principal,
    Scope,
    generate_key,
    key_in,
    key_record,
    read_key_file,
)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def write_keys(path: Path, *records: dict[str, object]) -> Path:
    path.write_text(json.dumps(records))
    return path


def test_a_generated_key_has_256_bits_and_a_recognisable_prefix() -> None:
    key = generate_key()
    assert key.startswith(KEY_PREFIX)
    assert len(key) - len(KEY_PREFIX) == 43
    assert key != generate_key()


def test_the_file_holds_the_digest_and_not_the_key(tmp_path: Path) -> None:
    key = generate_key()
    path = write_keys(tmp_path / "keys", key_record("me", key, {"read"}))
    assert key not in path.read_text()
    store = KeyStore(path)
    assert store.authenticate(key) == Principal("me", frozenset({"read"}))
    assert store.authenticate(key + "x") is None
    assert store.authenticate("") is None
    assert store.authenticate("\udcff") is None


@pytest.mark.parametrize(
    ("held", "allowed"),
    [
        (set(), {"public"}),
        ({"read"}, {"public", "read"}),
        ({"write"}, {"public", "read", "write"}),
        ({"admin"}, {"public", "read", "write", "admin"}),
    ],
)
def test_a_wider_scope_includes_the_narrower_ones(held: set[str], allowed: set[str]) -> None:
    scopes: list[Scope] = ["public", "read", "write", "admin"]
    assert {scope for scope in scopes if Principal("x", frozenset(held)).may(scope)} == allowed


def test_added_and_revoked_keys_take_effect_without_a_restart(tmp_path: Path) -> None:
    clock = Clock()
    old, new = generate_key(), generate_key()
    path = write_keys(tmp_path / "keys", key_record("old", old, {"read"}))
    store = KeyStore(path, clock=clock)
    write_keys(path, key_record("new", new, {"read"}))
    assert store.authenticate(old) is not None
    clock.now += RELOAD_INTERVAL
    assert store.authenticate(old) is None
    assert store.authenticate(new) is not None


def test_a_file_that_breaks_later_leaves_the_last_good_keys_in_force(tmp_path: Path) -> None:
    clock = Clock()
    key = generate_key()
    path = write_keys(tmp_path / "keys", key_record("me", key, {"read"}))
    store = KeyStore(path, clock=clock)
    path.write_text("{")
    clock.now += RELOAD_INTERVAL
    assert store.authenticate(key) is not None
    path.unlink()
    clock.now += RELOAD_INTERVAL
    assert store.authenticate(key) is not None
    write_keys(path)
    clock.now += RELOAD_INTERVAL
    assert store.authenticate(key) is None


@pytest.mark.parametrize("content", ["", "{", "{}", '[{"name":"x"}]', '[{"name":"x","digest":"zz","scopes":[]}]'])
def test_a_malformed_file_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "keys").write_text(content)
    with pytest.raises(KeyFileError, match="must be a JSON list"):
        KeyStore(tmp_path / "keys")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="No such file"):
        KeyStore(tmp_path / "none")


def test_a_name_or_digest_that_is_in_the_file_twice_is_refused(tmp_path: Path) -> None:
    record = key_record("me", generate_key(), {"read"})
    with pytest.raises(KeyFileError, match="twice"):
        read_key_file(write_keys(tmp_path / "keys", record, record))


def test_an_unknown_scope_makes_no_record() -> None:
    with pytest.raises(ValueError, match="scopes"):
        key_record("me", generate_key(), {"root"})


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ({"X-API-Key": "k"}, "k"),
        ({"Authorization": "Bearer k"}, "k"),
        ({"Authorization": "bearer  k "}, "k"),
        ({"Authorization": "Basic k"}, None),
        ({"Authorization": "Bearer "}, None),
        ({"Authorization": "k"}, None),
        ({}, None),
        ({"X-API-Key": "a", "Authorization": "Bearer b"}, "a"),
    ],
)
def test_a_key_is_shown_in_either_header(headers: dict[str, str], key: str | None) -> None:
    assert key_in(CIMultiDict(headers)) == key
