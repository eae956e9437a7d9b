import json
import os
import sqlite3
from pathlib import Path

import pytest

from ai_stack.nixos_docs import build
from ai_stack.nixos_docs.builder import BuildError, build_index, content_digest
from ai_stack.nixos_docs.inputs import Inputs
from ai_stack.nixos_docs.jsonfile import JsonFileError
from ai_stack.nixos_docs.opening import IndexRefused, validate
from ai_stack.nixos_docs.sources import SourceError


def test_the_same_inputs_give_the_same_bytes(inputs: Inputs, full_index: Path, tmp_path: Path) -> None:
    build_index(inputs, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == full_index.read_bytes()


def test_an_index_tells_what_it_holds(inputs: Inputs, full_index: Path) -> None:
    info = validate(full_index)
    assert (info.documents, info.sections, info.options, info.packages, info.release) == (5, 7, 23, 4, "25.05")
    assert info.content_digest == content_digest(inputs)


def test_the_release_that_is_given_counts(inputs: Inputs, tmp_path: Path) -> None:
    given = Inputs(options=inputs.options, release="26.05")
    assert build_index(given, tmp_path / "i").release == "26.05"


def test_options_or_packages_alone_are_an_index(inputs: Inputs, tmp_path: Path) -> None:
    assert build_index(Inputs(options=inputs.options), tmp_path / "o").options == 23
    assert build_index(Inputs(packages=inputs.packages), tmp_path / "p").packages == 4
    with pytest.raises(BuildError, match="empty"):
        build_index(Inputs(), tmp_path / "n")


@pytest.mark.parametrize("name", ["options.json", "packages.json", "modules/rename.nix"])
def test_the_digest_changes_with_every_input(name: str, inputs: Inputs, tmp_path: Path) -> None:
    before = content_digest(inputs)
    path = tmp_path / name
    os.utime(path, (1, 1))
    assert content_digest(inputs) == before
    path.write_text(path.read_text() + "\n")
    assert content_digest(inputs) != before


def test_inputs_that_cannot_be_read_are_an_error(inputs: Inputs, tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    for broken in (
        Inputs(options=missing),
        Inputs(packages=missing),
        Inputs(options=inputs.options, modules=[missing]),
    ):
        with pytest.raises(SourceError):
            content_digest(broken)
        with pytest.raises(SourceError):
            build_index(broken, tmp_path / "i")
    (tmp_path / "packages.json").write_text("[]")
    with pytest.raises(JsonFileError):
        build_index(inputs, tmp_path / "i")


@pytest.mark.parametrize("table", ["options", "packages"])
def test_missing_rows_are_found(table: str, full_index: Path) -> None:
    with sqlite3.connect(full_index) as database:
        database.execute(f"DELETE FROM {table} WHERE number = 0")
    database.close()
    with pytest.raises(IndexRefused, match=table):
        validate(full_index)


@pytest.mark.parametrize("kind", ["option", "package"])
def test_damaged_words_are_found(kind: str, full_index: Path) -> None:
    with sqlite3.connect(full_index) as database:
        database.execute(f"UPDATE {kind}_terms SET numbers = x'ffffffff' WHERE length(numbers) = 4")
    database.close()
    with pytest.raises(IndexRefused, match="words"):
        validate(full_index)


def test_the_command_takes_all_inputs(
    inputs: Inputs, docs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--docs", str(docs), "--options", str(inputs.options), "--packages", str(inputs.packages)]
    assert build.main([*arguments, "--modules", str(tmp_path / "modules"), "-o", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "23 options (7 renamed or removed), 4 packages; NixOS 25.05" in said
    assert validate(tmp_path / "out" / "index.sqlite").options == 23


def test_the_command_wants_something_to_index(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        build.main(["-o", str(tmp_path)])
    assert "nothing to index" in capsys.readouterr().err


def test_large_sets_of_options_can_be_stopped(tmp_path: Path) -> None:
    (tmp_path / "o.json").write_text(json.dumps({f"a.o{number}": {"type": "x"} for number in range(10)}))
    with pytest.raises(BuildError, match="stopped"):
        build_index(Inputs(options=tmp_path / "o.json"), tmp_path / "i", stopped=lambda: True)
    assert not (tmp_path / "i").exists()
