import json
from pathlib import Path

import pytest

from ai_stack.nixos_docs.jsonfile import JsonFileError
from ai_stack.nixos_docs.packages.records import Package, read_packages
from ai_stack.nixos_docs.reader import IndexReader


def attributes(reader: IndexReader, question: str) -> list[str]:
    outcome = reader.packages.search(question, limit=10)
    return [package.attribute for package in reader.packages.get([number for number, _ in outcome.hits])]


def test_all_forms_of_the_file_are_read(full_reader: IndexReader) -> None:
    assert full_reader.packages.get(range(4)) == [
        Package("haskellPackages.ripgrep", "ripgrep", "0.1", "", "", ("bsd3",), ""),
        Package("hello", "hello", "2.12.1", "Program that greets", "", ("GPL",), ""),
        Package(
            "ripgrep",
            "ripgrep",
            "14.1.0",
            "Utility that combines the usability of The Silver Searcher with the speed of grep",
            "https://example.org/ripgrep",
            ("Unlicense", "MIT License"),
            "rg",
        ),
        Package("ripgrep-all", "ripgrep-all", "1.0", "More grep", "", (), ""),
    ]


def test_the_file_of_a_channel_is_read(tmp_path: Path) -> None:
    path = tmp_path / "packages.json"
    path.write_text(json.dumps({"version": 2, "packages": {"a": {"name": "a-1", "pname": "a", "meta": {}}}}))
    assert read_packages(path) == [Package("a", "a", "1", "", "", (), "")]


@pytest.mark.parametrize("content", ["[]", "{}", '{"a": 1}', "nothing"])
def test_what_is_no_file_of_packages_is_an_error(content: str, tmp_path: Path) -> None:
    path = tmp_path / "packages.json"
    path.write_text(content)
    with pytest.raises(JsonFileError):
        read_packages(path)


@pytest.mark.parametrize(
    ("question", "first"),
    [
        ("ripgrep", "ripgrep"),
        ("RipGrep", "ripgrep"),
        ("rg", "ripgrep"),
        ("haskellPackages.ripgrep", "haskellPackages.ripgrep"),
        ("ripgrep-a", "ripgrep-all"),
        ("a program that greets people", "hello"),
        ("riprgep", "ripgrep"),
        ("silver searcher", "ripgrep"),
    ],
)
def test_packages_are_found_however_they_are_asked_for(question: str, first: str, full_reader: IndexReader) -> None:
    assert attributes(full_reader, question)[0] == first


def test_packages_within_sets_come_behind_those_outside(full_reader: IndexReader) -> None:
    found = attributes(full_reader, "ripgrep")
    assert found.index("ripgrep") < found.index("haskellPackages.ripgrep")


def test_no_hits_are_an_empty_answer(full_reader: IndexReader) -> None:
    outcome = full_reader.packages.search("zzzzqqqq", limit=3)
    assert (outcome.hits, outcome.total) == ((), 0)
