"""Who may import whom: the layers of docs/architecture.md."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "python" / "src" / "ai_stack"
PAYLOADS = ("embeddings", "aidb", "hybrid_coordinator", "nixos_docs", "status_page")


def imported_packages(package: str) -> set[str]:
    """Packages directly below `ai_stack` that `package` imports, itself left out."""
    found: set[str] = set()
    for file in (SOURCE / package).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [f"{node.module}.{alias.name}" for alias in node.names]
                if isinstance(node, ast.ImportFrom) and node.module
                else []
            )
            found |= {name.split(".")[1] for name in names if name.startswith("ai_stack.")}
    return found - {package}


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_payload_stands_on_the_runtime_alone(payload: str) -> None:
    assert imported_packages(payload) == {"service"}


def test_the_runtime_knows_nobody() -> None:
    assert imported_packages("service") == set()


def test_the_runtime_names_no_payload() -> None:
    names = {*PAYLOADS, *(payload.replace("_", "-") for payload in PAYLOADS)}
    for file in (SOURCE / "service").rglob("*.py"):
        strings = {
            node.value
            for node in ast.walk(ast.parse(file.read_text()))
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "\n" not in node.value
        }
        assert not names & strings, file.name


def test_the_collector_asks_services_over_http() -> None:
    assert imported_packages("collector") == {"local"}


def test_the_embedded_stack_and_its_command_start_services_as_processes() -> None:
    assert imported_packages("local") == {"service"}
    assert imported_packages("cli") <= {"local", "service"}
