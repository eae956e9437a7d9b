"""The page of options says what the modules declare."""

import re
import subprocess
import sys

from nix.evaluate import REPOSITORY, TIMEOUT, nixpkgs
from nix.machines import ALL

PAGE = REPOSITORY / "docs" / "reference" / "options.md"


def test_the_page_is_what_the_script_writes() -> None:
    nixpkgs()
    script = str(REPOSITORY / "scripts" / "reference-options")
    result = subprocess.run(
        [sys.executable, script, "--check"], capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    assert result.returncode == 0, result.stderr


def test_every_option_is_described() -> None:
    sections = re.split(r"^### ", PAGE.read_text(), flags=re.MULTILINE)[1:]
    options = [section for section in sections if section.startswith("`services.ai-stack")]
    assert len(options) > 50
    for section in options:
        title, _, description, *_ = section.splitlines()
        assert description.endswith((".", ":", "`")) or len(description) > 60, title
        assert "- Type: " in section, title


def test_no_value_depends_on_what_is_in_the_store() -> None:
    assert "/nix/store/" not in PAGE.read_text()


def test_the_sandbox_of_every_unit_of_ours_is_listed() -> None:
    listed = set(re.findall(r"^\| `([^`]+)` \|", PAGE.read_text(), re.MULTILINE))
    units = {name.removesuffix(".service") for name in ALL["minimal"].units() if name.endswith(".service")}
    assert {name for name in units if name.startswith("ai-stack-")} <= listed
