"""Each claim of the threat model is proven by a test that exists."""

import ast
import re
from collections.abc import Iterator

import pytest

from .pages import DOCS, ROOT

PAGE = (DOCS / "threat-model.md").read_text("utf-8")
PROOFS = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))


def claims() -> Iterator[tuple[str, str]]:
    """The threat and the proof of each row with three columns."""
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and len(cells) == 3 and cells[0] not in ("threat", "asset"):
            yield cells[0], cells[2]


@pytest.mark.parametrize(("path", "name"), PROOFS, ids=lambda value: value.rsplit("/", 1)[-1])
def test_a_proof_is_a_test_that_exists(path: str, name: str) -> None:
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    tests = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    assert name in tests


@pytest.mark.parametrize(("threat", "proof"), list(claims()))
def test_a_claim_has_a_proof(threat: str, proof: str) -> None:
    assert re.match(r"`tests/[\w/]+\.py::\w+`", proof), threat


@pytest.mark.parametrize(
    "kind",
    [
        "Spoofing",
        "Tampering",
        "Repudiation",
        "Information disclosure",
        "Denial of service",
        "Elevation of privilege",
    ],
)
def test_every_kind_of_threat_is_looked_at(kind: str) -> None:
    assert f"\n## {kind}\n" in PAGE
