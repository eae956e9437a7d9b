"""Which PostgreSQL and which Valkey are used."""

import importlib.util
import os
from pathlib import Path

import pytest

from ai_stack.local import postgres_binaries, valkey
from ai_stack.local.errors import LocalError
from ai_stack.local.postgres_binaries import Binaries, find_binaries


@pytest.fixture
def without_wheels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.delenv("PG_BIN", raising=False)


def program(path: Path, script: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def installation(root: Path, *, pgvector: bool) -> Path:
    """A directory of programs of a PostgreSQL that is not there."""
    bin_ = root / "bin"
    program(bin_ / "postgres", "echo 'postgres (PostgreSQL) 17.2 (Debian 17.2-1)'")
    program(bin_ / "initdb")
    program(bin_ / "pg_config", f"echo '{bin_}'; echo '{root / 'share'}'")
    extensions = root / "share" / "extension"
    extensions.mkdir(parents=True)
    if pgvector:
        (extensions / "vector.control").touch()
    return bin_


def test_the_wheel_has_pgvector_and_a_version() -> None:
    found = find_binaries()
    assert found.major() >= 15
    assert postgres_binaries.has_pgvector(found.directory)


def test_pg_bin_wins_and_must_have_pgvector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = installation(tmp_path / "good", pgvector=True)
    monkeypatch.setenv("PG_BIN", str(good))
    assert find_binaries() == Binaries(good)
    assert find_binaries().major() == 17
    monkeypatch.setenv("PG_BIN", str(installation(tmp_path / "bad", pgvector=False)))
    with pytest.raises(LocalError, match=r"holds no PostgreSQL with pgvector: install ai-stack\[local\]"):
        find_binaries()


@pytest.mark.usefixtures("without_wheels")
def test_without_the_wheel_a_postgresql_on_path_is_used_if_it_has_pgvector(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = os.environ["PATH"]
    good = installation(tmp_path / "good", pgvector=True)
    monkeypatch.setenv("PATH", f"{good}:{system}")
    assert find_binaries() == Binaries(good)
    monkeypatch.setenv("PATH", f"{installation(tmp_path / 'bad', pgvector=False)}:{system}")
    with pytest.raises(LocalError, match="no PostgreSQL with pgvector found: install"):
        find_binaries()


def test_a_program_that_does_not_run_or_tells_no_version_is_explained(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="does not run"):
        Binaries(tmp_path).major()
    program(tmp_path / "postgres", "echo unknown")
    with pytest.raises(LocalError, match="does not tell its version"):
        Binaries(tmp_path).major()


@pytest.mark.usefixtures("without_wheels")
def test_without_the_wheel_a_valkey_or_redis_on_path_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LocalError, match=r"no Valkey or Redis server found: install ai-stack\[local\]"):
        valkey.find_binary()
    redis = program(tmp_path / "redis-server")
    assert valkey.find_binary() == str(redis)
    assert valkey.find_binary() != str(program(tmp_path / "valkey-server"))
    assert valkey.find_binary() == str(tmp_path / "valkey-server")


def test_a_path_is_one_argument_of_valkeys_configuration() -> None:
    assert valkey.quoted('a "b" \\c') == r'"a \"b\" \\c"'
