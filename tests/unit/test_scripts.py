"""The Python scripts of the clone find its packages, whichever Python they are started with."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
PYTHON = [path for path in sorted(SCRIPTS.iterdir()) if path.is_file() and "python" in path.read_text().split("\n")[0]]
PROBE = """\
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))

from environment import enter

enter()

import ai_stack

print(ai_stack.__name__, *sys.argv[1:])
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone with one script and no environment."""
    shutil.copytree(SCRIPTS / "lib", tmp_path / "scripts" / "lib", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "scripts" / "probe").write_text(PROBE)
    return tmp_path


def run(clone: Path, python: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [python, *options, str(clone / "scripts" / "probe"), "a b", "--c"]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_a_script_goes_on_in_the_environment_of_its_clone(clone: Path) -> None:
    python = clone / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    done = run(clone, sys.executable, "-S")
    assert (done.returncode, done.stdout) == (0, "ai_stack a b --c\n"), done.stderr


def test_a_script_stays_where_the_packages_are(clone: Path) -> None:
    done = run(clone, sys.executable)
    assert (done.returncode, done.stdout) == (0, "ai_stack a b --c\n"), done.stderr


def test_a_script_without_an_environment_says_how_to_make_one(clone: Path) -> None:
    done = run(clone, sys.executable, "-S")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("probe: ")
    assert "scripts/test" in done.stderr


@pytest.mark.parametrize("script", PYTHON, ids=lambda path: path.name)
def test_a_script_imports_packages_only_when_it_has_them(script: Path) -> None:
    before: list[str] = []
    for node in ast.parse(script.read_text()).body:
        if isinstance(node, ast.Expr) and ast.unparse(node) == "enter()":
            break
        if isinstance(node, ast.Import):
            before += [alias.name.partition(".")[0] for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            before.append((node.module or "").partition(".")[0])
    assert set(before) <= sys.stdlib_module_names | {"environment"}
