"""What keeps the framework apart from the services, and each file small."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nix.evaluate import MODULES, REPOSITORY

FILES = sorted(path for folder in ("modules", "pkgs", "tests/nix") for path in (REPOSITORY / folder).rglob("*.nix"))
PAYLOADS = sorted({path.stem.removesuffix("-observability") for path in (MODULES / "services").glob("*.nix")})
FRAMEWORK = sorted(path for path in MODULES.rglob("*") if path.is_file() and path.parent.name != "services")


def name(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


@pytest.mark.parametrize("path", FRAMEWORK, ids=name)
def test_the_framework_names_no_service(path: Path) -> None:
    if path != MODULES / "default.nix":
        text = path.read_text()
        assert [payload for payload in PAYLOADS if payload in text] == []


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_file_is_short_and_says_where_its_names_come_from(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert len(lines) <= 250
    assert not any(line.strip() == "with lib;" for line in lines)


@pytest.mark.parametrize("path", sorted((MODULES / "scripts").glob("*.sh")), ids=name)
def test_a_script_passes_the_check_that_its_build_makes(path: Path) -> None:
    program = shutil.which("shellcheck", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert program, "shellcheck comes with the test requirements: scripts/test installs them"
    # as `writeShellApplication` puts it together
    text = "#!/usr/bin/env bash\nset -o errexit\nset -o nounset\nset -o pipefail\n" + path.read_text()
    result = subprocess.run(
        [program, "--shell=bash", "-"], input=text, capture_output=True, text=True, timeout=60, check=False
    )
    assert result.stdout == ""


def test_all_services_are_looked_for() -> None:
    assert PAYLOADS == ["aidb", "embeddings", "hybrid-coordinator", "nixos-docs", "status-page"]
