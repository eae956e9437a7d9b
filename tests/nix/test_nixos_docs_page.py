"""What docs/services/nixos-docs.md says about a list of packages evaluates, and the service can read the list."""

import json
import re
from pathlib import Path

from ai_stack.nixos_docs.packages.records import read_packages
from nix.evaluate import REPOSITORY, Machine

PAGE = (REPOSITORY / "docs" / "services" / "nixos-docs.md").read_text()
RECIPE = re.compile(r"`(services\.ai-stack\.documentedPackages = )\./packages\.json;`")
#: One entry as in the packages.json of a channel, whose "version" is that of the format.
LIST = {
    "version": 2,
    "packages": {"hello": {"pname": "hello", "version": "2.12", "meta": {"description": "A program"}}},
}


def test_the_list_of_packages_of_a_channel_reaches_the_service_as_the_page_says(tmp_path: Path) -> None:
    recipe = RECIPE.search(PAGE)
    assert recipe
    given = tmp_path / "packages.json"
    given.write_text(json.dumps(LIST))

    machine = Machine(f"{{ services.ai-stack.enable = true; {recipe[1]}{given}; }}")

    assert machine.problems() == []
    reached = machine.get("settings")["nixos-docs"]["packages"]
    assert reached.startswith("/nix/store/")
    assert reached.endswith("-packages.json")
    assert [(package.attribute, package.version) for package in read_packages(given)] == [("hello", "2.12")]
