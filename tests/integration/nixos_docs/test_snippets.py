"""Fifty snippets, checked against the options of NixOS that are anywhere near to those they set."""

import re
from pathlib import Path

import pytest

from ai_stack.nixos_docs.builder import build_index
from ai_stack.nixos_docs.catalogue import Catalogue, load_catalogue
from ai_stack.nixos_docs.inputs import Inputs
from ai_stack.nixos_docs.nix.assignments import assignments
from ai_stack.nixos_docs.options.checking import check_path

REPOSITORY = Path(__file__).resolve().parents[3]
SNIPPETS = REPOSITORY / "tests" / "data" / "nixos_docs" / "snippets.txt"
# Of NixOS 25.05 (MIT licence): every option that shares the first two parts of its name with one in a snippet.
OPTIONS = REPOSITORY / "tests" / "data" / "nixos_docs" / "options-excerpt.json"
MARK = "# no such option"


def snippets() -> list[tuple[str, str]]:
    """Return the title and the text of each snippet."""
    parts = re.split(r"^=== ", SNIPPETS.read_text(), flags=re.MULTILINE)[1:]
    return [(title, text) for title, _, text in (part.partition("\n") for part in parts)]


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    path = tmp_path_factory.mktemp("options") / "index.sqlite"
    build_index(Inputs(options=OPTIONS), path)
    return load_catalogue(path)


def test_half_of_the_snippets_are_right() -> None:
    titles = [title for title, _ in snippets()]
    assert len(titles) == 50
    assert sum(title.startswith("valid: ") for title in titles) == 25
    assert all((MARK in text) == title.startswith("invented: ") for title, text in snippets())


@pytest.mark.parametrize(("title", "text"), snippets(), ids=[title for title, _ in snippets()])
def test_every_invented_option_is_named_and_no_other(title: str, text: str, catalogue: Catalogue) -> None:
    invented = {number for number, line in enumerate(text.split("\n"), start=1) if MARK in line}
    verdicts = [check_path(catalogue, found.path, found.line) for found in assignments(text)]
    assert verdicts
    assert {verdict.line for verdict in verdicts if verdict.status not in ("exists", "freeform")} == invented
