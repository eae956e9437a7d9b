"""What the documentation says about itself and about the code holds."""

import ast
import importlib
import json
import re
from pathlib import Path

import pytest

from ai_stack.hybrid_coordinator.collection_schemas import NewBestPractice

from .pages import DOCS, ROOT, anchors, code_blocks, pages, prose

_LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
_COMMAND = re.compile(r"(?<![\w/.])(scripts/[\w-]+)")


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_internal_link_and_anchor_resolves(page: Path) -> None:
    # Brackets in code are no links.
    for target in _LINK.findall(re.sub(r"`[^`\n]*`", "", prose(page))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f"{target} leads nowhere"
        if anchor:
            assert anchor in anchors(linked), f"{target}: no such heading"


def test_every_page_is_reached_from_the_index() -> None:
    reached, waiting = set[Path](), [DOCS / "index.md", ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md" or not page.exists():
            continue
        reached.add(page)
        waiting += [(page.parent / target.partition("#")[0]).resolve() for target in _LINK.findall(prose(page))]
    assert not set(DOCS.rglob("*.md")) - reached


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_python_examples_are_python_and_import_what_exists(page: Path) -> None:
    for block in code_blocks(page):
        if block.language != "python":
            continue
        compile(block.text, str(page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        for node in ast.walk(ast.parse(block.text)):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("ai_stack"):
                module = importlib.import_module(node.module)
                assert all(hasattr(module, alias.name) for alias in node.names), node.module


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_json_examples_are_json_unless_they_are_shortened(page: Path) -> None:
    for block in code_blocks(page):
        if block.language == "json" and "…" not in block.text:
            json.loads(block.text)


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_scripts_that_are_named_exist(page: Path) -> None:
    for script in _COMMAND.findall(page.read_text("utf-8")):
        assert (ROOT / script).is_file(), f"{script} does not exist"


def test_the_best_practices_can_be_stored() -> None:
    lines = (DOCS / "best-practices.jsonl").read_text("utf-8").splitlines()
    titles = {NewBestPractice.model_validate_json(line).title for line in lines}
    assert len(titles) == len(lines) >= 12


def test_references_of_the_best_practices_are_pages() -> None:
    for line in (DOCS / "best-practices.jsonl").read_text("utf-8").splitlines():
        for reference in json.loads(line)["references"]:
            assert (DOCS / reference).is_file(), reference
