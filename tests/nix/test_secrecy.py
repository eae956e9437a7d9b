"""A secret that is given to the modules is in no store path, no unit and no option."""

import re
import subprocess
from pathlib import Path

from nix.evaluate import Machine, instantiate

MARKER = "marker-5d1f0e7a2c"
SECRETS = ("crt", "key", "api-keys", "redis", "qdrant", "pg", "token")


def machine(directory: Path) -> Machine:
    """Everything that takes a secret, with files that exist and could be read by mistake."""
    for name in SECRETS:
        (directory / name).write_text(f"{MARKER}-{name}\n")
    return Machine(
        f"""{{ pkgs, ... }}: {{
  services.ai-stack = {{
    enable = true;
    domain = "ai.example.org";
    tls = {{ mode = "files"; certificate = "{directory}/crt"; key = "{directory}/key"; }};
    secrets = {{
      apiKeys = "{directory}/api-keys";
      redisPassword = "{directory}/redis";
      qdrantApiKey = "{directory}/qdrant";
    }};
    services.translator = {{ package = pkgs.hello; port = 8100; credentials.token = "{directory}/token"; }};
  }};
}}"""
    )


def test_no_string_of_the_configuration_holds_a_secret(tmp_path: Path) -> None:
    strings = machine(tmp_path).get("strings")
    assert len(strings) > 1000
    # The walk sees what it must see: the paths of the secrets.
    assert any(f"{tmp_path}/redis" in string for string in strings)
    assert [string for string in strings if MARKER in string] == []


def test_no_unit_and_no_file_in_etc_holds_a_secret(tmp_path: Path) -> None:
    given = machine(tmp_path)
    texts = given.units() | given.get("etc")
    assert [name for name, text in texts.items() if MARKER in text] == []


def test_no_store_path_that_the_system_is_made_from_holds_a_secret(tmp_path: Path) -> None:
    given = machine(tmp_path)
    top = str(given.derivation("config.system.build.toplevel"))
    closure = subprocess.run(
        ["nix-store", "--query", "--requisites", top], capture_output=True, text=True, check=True, timeout=60
    ).stdout.split()
    assert len(closure) > 100
    marker = re.compile(MARKER.encode())
    found = [path for path in closure if Path(path).is_file() and marker.search(Path(path).read_bytes())]
    assert found == []


def test_the_search_would_find_a_secret_that_leaked(tmp_path: Path) -> None:
    (tmp_path / "leak").write_text(MARKER)
    derivation = instantiate(
        f'(import <nixpkgs> {{ system = "x86_64-linux"; }}).writeText "leak" (builtins.readFile "{tmp_path}/leak")'
    ).strip()
    assert MARKER in Path(derivation.split("!")[0]).read_text()
