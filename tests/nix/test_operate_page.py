"""The configurations of docs/operate.md evaluate, and its numbers are true."""

import re
from pathlib import Path

import pytest

from nix.evaluate import REPOSITORY, Machine
from nix.machines import ALL
from nix.security import exposure

PAGE = (REPOSITORY / "docs" / "operate.md").read_text()
CONFIGURATIONS = re.findall(r"^```nix\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
SCORES = re.findall(r"^\| ([a-z-]+) \| ([0-9.]+) \| ([0-9.]+) \|$", PAGE, re.MULTILINE)

#: What sops-nix and agenix declare, as far as the page uses it.
SECRET_MODULES = """({ lib, ... }: let
  secret = directory: lib.mkOption { type = lib.types.attrsOf (lib.types.submodule ({ name, ... }: {
    freeformType = lib.types.attrsOf lib.types.anything;
    options.path = lib.mkOption { type = lib.types.str; default = "${directory}/${name}"; };
  })); };
in { options.sops.secrets = secret "/run/secrets"; options.age.secrets = secret "/run/agenix"; })"""


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_a_configuration_of_the_page_evaluates(configuration: str) -> None:
    # Pieces of a configuration are shown without what every machine says.
    rest = "" if "enable = true" in configuration else "enable = true;"
    rest = f'services.ai-stack = {{ domain = "ai.example.org"; {rest} }};'
    machine = Machine(f"{{ imports = [ {SECRET_MODULES} ({configuration}) ]; {rest} }}")
    assert machine.get("problems") == {"failed": [], "warnings": []}


def test_the_page_has_configurations() -> None:
    assert len(CONFIGURATIONS) > 8


@pytest.mark.parametrize(("unit", "before", "after"), SCORES)
def test_a_score_of_the_page_is_what_is_measured(unit: str, before: str, after: str, tmp_path: Path) -> None:
    name = f"{unit}.service"
    measured = exposure(tmp_path, name, ALL["minimal"].units()[name])
    # Versions of systemd weigh a little differently.
    assert measured <= float(after) + 0.2
    assert float(after) <= float(before)
