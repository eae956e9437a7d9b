"""Small documentation sources, and indexes over them."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ai_stack.nixos_docs.builder import build_index
from ai_stack.nixos_docs.inputs import Inputs
from ai_stack.nixos_docs.sources import sources_below

Files = Mapping[str, str]

DOCUMENTS: Files = {
    "manual/firewall.md": (
        "# Firewall {#sec-firewall}\n\nNixOS blocks incoming connections.\n\n"
        "## Opening ports\n\nSet `networking.firewall.allowedTCPPorts` to open a port.\n\n"
        "## Turning it off\n\nSet `networking.firewall.enable = false`.\n"
    ),
    "manual/garbage.rst": (
        ".. _sec-gc:\n\nCleaning the store\n------------------\n\nRun the garbage collector to remove old packages.\n"
    ),
    "manual/collect.md": "# Collecting\n\nThe garbage collector frees disk space in the store.\n",
    "pills/13-callpackage.md": "# The callPackage pattern\n\nUse callPackage to pass arguments to a package.\n",
    "pills/overrides.md": "# Overrides\n\nOverride a package with its arguments.\n",
}


@pytest.fixture
def write_docs(tmp_path: Path) -> Callable[[Files], Path]:
    """Write files below a directory named `docs` and return it."""

    def write(files: Files) -> Path:
        root = tmp_path / "docs"
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return root

    return write


@pytest.fixture
def docs(write_docs: Callable[[Files], Path]) -> Path:
    """The directory with `DOCUMENTS`."""
    return write_docs(DOCUMENTS)


@pytest.fixture
def index(docs: Path, tmp_path: Path) -> Path:
    """An index over `DOCUMENTS`."""
    path = tmp_path / "index.sqlite"
    build_index(Inputs(sources_below(docs)), path)
    return path
