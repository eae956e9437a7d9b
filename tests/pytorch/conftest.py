"""The torch engine in an environment that has it; that of the tests has not, since it takes a gigabyte."""

import os
from pathlib import Path

import pytest

VARIABLE = "AI_STACK_TORCH_PYTHON"


@pytest.fixture(scope="session")
def torch_python() -> Path:
    """A Python with this project's dependencies, torch and transformers; a missing one fails."""
    given = os.environ.get(VARIABLE, "")
    if not Path(given).is_file():
        pytest.fail(f"{VARIABLE} names no Python with ai-stack[torch]; see docs/contributing.md")
    return Path(given)
