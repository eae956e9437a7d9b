"""A secret that is given to the modules is in no store path, no unit and no option."""

import re
import subprocess
from pathlib import Path

from nix.evaluate import Machine, instantiate

MARKER = "marker-5d1f0e7a2c"
#: Every option that takes the path of a secret, with a configuration that sets it to FILE.
SECRETS = {
    "alertmanager.credentials": """alertmanager = {
        enable = true;
        receiver.webhook_configs = [ { url_file = "/run/credentials/alertmanager.service/webhook"; } ];
        credentials.webhook = "FILE";
    };""",
    "backup.restic.environmentFile": "",
    "backup.restic.passwordFile": """backup.restic = {
        repository = "sftp:backup@vault.example.org:/srv";
        passwordFile = "FILE";
        environmentFile = "FILE";
    };""",
    "collector.keyFile": 'collector = { enable = true; keyFile = "FILE"; };',
    "postgresql.passwordFile": 'postgresql = { host = "10.0.0.7"; passwordFile = "FILE"; };',
    "secrets.apiKeys": 'secrets.apiKeys = "FILE";',
    "secrets.grafanaAdminPassword": 'secrets.grafanaAdminPassword = "FILE";',
    "secrets.grafanaSecretKey": 'secrets.grafanaSecretKey = "FILE";',
    "secrets.qdrantApiKey": 'secrets.qdrantApiKey = "FILE";',
    "secrets.redisPassword": 'secrets.redisPassword = "FILE";',
    "secrets.upstreamApiKey": 'secrets.upstreamApiKey = "FILE";',
    "services.<name>.credentials": """services.translator = {
        package = pkgs.hello;
        port = 8100;
        credentials.token = "FILE";
    };""",
    "tls.certificate": "",
    "tls.key": 'tls = { mode = "files"; certificate = "FILE"; key = "FILE"; };',
    # Where the others go; not for people to set.
    "secrets.registry.<name>.file": "",
}


def machine(directory: Path) -> Machine:
    """Everything that takes a secret, with files that exist and could be read by mistake."""
    options = []
    for number, option in enumerate(SECRETS.values()):
        file = directory / str(number)
        file.write_text(f"{MARKER}-{number}\n")
        options.append(option.replace("FILE", str(file)))
    return Machine(
        f"""{{ pkgs, ... }}: {{
  services.ai-stack = {{
    enable = true;
    domain = "ai.example.org";
    {" ".join(options)}
  }};
}}"""
    )


def test_every_option_for_a_secret_is_looked_at() -> None:
    options = Machine("{ services.ai-stack.enable = true; }").get("secretOptions")
    assert {name.removeprefix("services.ai-stack.") for name in options} == SECRETS.keys()


def test_no_string_of_the_configuration_holds_a_secret(tmp_path: Path) -> None:
    strings = machine(tmp_path).get("strings")
    assert len(strings) > 1000
    # The walk sees what it must see: the paths of the secrets.
    for number, option in enumerate(SECRETS.values()):
        assert not option or any(f"{tmp_path}/{number}" in string for string in strings), option
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
