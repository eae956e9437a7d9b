"""Secrets are generated once, handed over as credentials, and rotated with the restart of who uses them."""

import hashlib
import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest

from nix.evaluate import Machine, require
from nix.scripts import fake_program, run


class Secrets:
    """The program `ai-stack-secrets` on a state directory of the test."""

    def __init__(self, directory: Path) -> None:
        require("jq", "jq")
        require("openssl", "openssl")
        self.state = directory / "state"
        self.programs = directory / "programs"
        self.restarted = directory / "restarted"
        for folder in (self.state / "secrets", self.state / "keys", self.programs):
            folder.mkdir(parents=True)
        fake_program(self.programs, "systemctl", f'echo "$@" >>{self.restarted}')
        self.manifest: dict[str, Any] = {
            "state": str(self.state),
            "random": ["redis-password"],
            "keys": [
                {
                    "name": "upstream-translator",
                    "record": "service.translator",
                    "scopes": ["read"],
                    "path": str(self.state / "secrets" / "upstream-translator"),
                    "made": True,
                }
            ],
            "given": None,
            "units": {"redis-password": ["redis.service", "translator.service"], "upstream-translator": ["t.service"]},
        }

    def run(self, *arguments: str) -> str:
        result = self.attempt(*arguments)
        assert result[0] == 0, result[1]
        return result[1]

    def attempt(self, *arguments: str) -> tuple[int, str]:
        manifest = self.state.parent / "manifest.json"
        manifest.write_text(json.dumps(self.manifest))
        result = run("secrets.sh", manifest, *arguments, path=self.programs)
        return result.returncode, result.stdout + result.stderr

    def read(self, name: str) -> str:
        return (self.state / "secrets" / name).read_text().strip()

    def records(self) -> dict[str, Any]:
        records = json.loads((self.state / "keys" / "api-keys.json").read_text())
        return {record["name"]: record for record in records}


@pytest.fixture
def secrets(tmp_path: Path) -> Secrets:
    return Secrets(tmp_path)


def test_missing_secrets_are_made_and_readable_by_root_alone(secrets: Secrets) -> None:
    secrets.run("ensure")
    assert len(secrets.read("redis-password")) == 64
    assert secrets.read("api-key").startswith("ais_")
    for file in (secrets.state / "secrets").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o400, file


def test_the_key_file_holds_digests_only(secrets: Secrets) -> None:
    secrets.run("ensure")
    key = secrets.read("api-key")
    records = secrets.records()
    assert records["operator"]["digest"] == hashlib.sha256(key.encode()).hexdigest()
    assert records["operator"]["scopes"] == ["admin"]
    assert records["service.translator"]["scopes"] == ["read"]
    text = (secrets.state / "keys" / "api-keys.json").read_text()
    assert key not in text
    assert secrets.read("upstream-translator") not in text
    assert stat.S_IMODE((secrets.state / "keys" / "api-keys.json").stat().st_mode) == 0o640


def test_a_second_run_changes_nothing(secrets: Secrets) -> None:
    secrets.run("ensure")
    before = (secrets.read("redis-password"), secrets.read("api-key"), secrets.records())
    secrets.run("ensure")
    assert (secrets.read("redis-password"), secrets.read("api-key"), secrets.records()) == before


def test_a_revoked_operator_key_does_not_come_back(secrets: Secrets) -> None:
    secrets.run("ensure")
    file = secrets.state / "keys" / "api-keys.json"
    kept = [record for record in secrets.records().values() if record["name"] != "operator"]
    file.write_text(json.dumps([*kept, {"name": "alice", "digest": "0" * 64, "scopes": ["read"]}]))
    secrets.run("ensure")
    assert set(secrets.records()) == {"alice", "service.translator"}


def test_the_key_of_a_service_that_is_gone_is_dropped(secrets: Secrets) -> None:
    secrets.run("ensure")
    secrets.manifest["keys"] = []
    secrets.run("ensure")
    assert set(secrets.records()) == {"operator"}


def test_a_key_file_kept_elsewhere_wins_and_the_services_keep_their_keys(secrets: Secrets, tmp_path: Path) -> None:
    given = tmp_path / "given.json"
    given.write_text(json.dumps([{"name": "alice", "digest": "1" * 64, "scopes": ["read"]}]))
    secrets.manifest["given"] = str(given)
    secrets.run("ensure")
    assert set(secrets.records()) == {"alice", "service.translator"}
    given.write_text("[]")
    secrets.run("ensure")
    assert set(secrets.records()) == {"service.translator"}


def test_a_key_made_elsewhere_is_recorded_by_its_digest(secrets: Secrets, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.write_text("ais_shared\n")
    secrets.manifest["keys"] = [
        {"name": "upstream", "record": "service.shared", "scopes": ["read"], "path": str(shared), "made": False}
    ]
    secrets.run("ensure")
    assert secrets.records()["service.shared"]["digest"] == hashlib.sha256(b"ais_shared").hexdigest()
    assert secrets.run("list").split() == ["redis-password"]
    assert secrets.attempt("rotate", "upstream")[0] == 1


def test_an_empty_key_made_elsewhere_opens_nothing(secrets: Secrets, tmp_path: Path) -> None:
    secrets.run("ensure")
    before = secrets.records()
    empty = tmp_path / "empty"
    empty.touch()
    secrets.manifest["keys"] = [
        {"name": "upstream", "record": "service.shared", "scopes": ["read"], "path": str(empty), "made": False}
    ]
    status, output = secrets.attempt("ensure")
    assert status != 0
    assert "is missing or empty" in output
    assert secrets.records() == before


@pytest.mark.parametrize("content", ["", "{}", "nonsense"])
def test_a_broken_key_file_leaves_the_last_good_one(secrets: Secrets, tmp_path: Path, content: str) -> None:
    secrets.run("ensure")
    before = secrets.records()
    given = tmp_path / "given.json"
    given.write_text(content)
    secrets.manifest["given"] = str(given)
    assert secrets.attempt("ensure")[0] != 0
    assert secrets.records() == before


def test_rotation_makes_a_new_secret_and_restarts_exactly_who_uses_it(secrets: Secrets) -> None:
    secrets.run("ensure")
    old = secrets.read("redis-password")
    secrets.run("rotate", "redis-password")
    assert secrets.read("redis-password") != old
    assert secrets.restarted.read_text() == "try-restart redis.service translator.service\n"


def test_rotation_of_a_service_key_renews_its_record(secrets: Secrets) -> None:
    secrets.run("ensure")
    old = secrets.records()["service.translator"]["digest"]
    secrets.run("rotate", "upstream-translator")
    assert secrets.records()["service.translator"]["digest"] != old
    assert secrets.restarted.read_text() == "try-restart t.service\n"


@pytest.mark.parametrize("name", ["nonsense", "../keys/api-keys.json", ".*"])
def test_only_a_known_secret_is_rotated(secrets: Secrets, name: str) -> None:
    secrets.run("ensure")
    status, output = secrets.attempt("rotate", name)
    assert status == 1
    assert "is not generated here" in output
    assert not secrets.restarted.exists()


PAIR = """{ pkgs, ... }: {
  services.ai-stack = {
    enable = true;
    services.aa = { package = pkgs.hello; port = 8100; after = [ "bb" ]; credentials.token = "/run/secrets/aa-token"; };
    services.bb.package = pkgs.hello;
    services.bb.port = 8101;
    %s
  };
}"""


def test_a_service_that_calls_another_gets_a_key_of_its_own_as_a_credential() -> None:
    machine = Machine(PAIR % "", framework=True)
    caller = machine.unit("ai-stack-aa.service")
    assert "upstream_api_key:/var/lib/ai-stack/secrets/upstream-aa" in caller.values("LoadCredential")
    assert "LoadCredential" not in machine.unit("ai-stack-bb.service").sections["Service"]
    assert machine.get("settings")["bb"]["api_keys_file"] == "/var/lib/ai-stack/keys/api-keys.json"


def test_a_given_credential_that_changes_restarts_its_service_alone() -> None:
    machine = Machine(PAIR % "", framework=True)
    assert machine.unit("ai-stack-rotate-aa.token.path").values("PathChanged", "Path")[0] == "/run/secrets/aa-token"
    restart = machine.unit("ai-stack-rotate-aa.token.service").value("ExecStart")
    assert restart.endswith("try-restart ai-stack-aa.service")


def test_credentials_whose_names_read_alike_are_watched_each() -> None:
    entry = 'services.{} = {{ package = pkgs.hello; port = {}; credentials.{} = "/run/secrets/{}"; }};'
    body = entry.format("aa", 8100, "bb-cc", "one") + entry.format("aa-bb", 8101, "cc", "two")
    machine = Machine("{ pkgs, ... }: { services.ai-stack = { enable = true; " + body + " }; }", framework=True)
    watched = [unit for name, unit in machine.units().items() if name.endswith(".path")]
    files = sorted(re.findall(r"PathChanged=(/run/secrets/\S+)", "".join(watched)))
    assert files == ["/run/secrets/one", "/run/secrets/two"]


def test_directories_on_the_way_to_a_given_file_are_watched_for_links_that_change() -> None:
    machine = Machine(PAIR % "", framework=True)
    watched = machine.unit("ai-stack-rotate-aa.token.path").values("PathChanged", "Path")
    assert watched == ["/run/secrets/aa-token", "/run/secrets", "/run"]


def test_a_given_key_file_is_taken_over_when_it_changes() -> None:
    machine = Machine(PAIR % 'secrets.apiKeys = "/run/secrets/keys";', framework=True)
    assert machine.unit("ai-stack-rotate-api-keys.path").values("PathChanged", "Path")[0] == "/run/secrets/keys"
    restart = machine.unit("ai-stack-rotate-api-keys.service").value("ExecStart")
    assert restart.endswith("try-restart ai-stack-secrets.service")


def test_adding_a_key_restarts_no_service() -> None:
    unit = Machine(PAIR % "", framework=True).unit("ai-stack-aa.service")
    assert "ai-stack-secrets.service" in unit.values("Wants", "Unit")
    assert "ai-stack-secrets.service" in unit.values("After", "Unit")
    assert "ai-stack-secrets.service" not in unit.values("Requires", "Unit")


def test_machines_that_call_each_other_share_a_key() -> None:
    machine = Machine(PAIR % 'secrets.upstreamApiKey = "/run/secrets/upstream";', framework=True)
    unit = machine.unit("ai-stack-aa.service")
    assert "upstream_api_key:/run/secrets/upstream" in unit.values("LoadCredential")
    restart = machine.unit("ai-stack-rotate-upstream.service").value("ExecStart")
    assert restart.endswith("try-restart ai-stack-secrets.service ai-stack-aa.service")


def test_a_service_elsewhere_without_a_shared_key_is_warned_about() -> None:
    elsewhere = Machine(PAIR % 'services.bb.endpoints = [ "http://10.0.0.2:8101" ];', framework=True)
    (warning,) = elsewhere.get("problems.warnings")
    assert "bb is answered from other machines" in warning
    assert "secrets.upstreamApiKey" in warning


def test_the_command_edits_the_key_file_of_the_machine_under_sudo_as_well() -> None:
    machine = Machine(PAIR % "", framework=True)
    (text,) = machine.compute(
        'map (package: package.text) (builtins.filter (package: package.name == "ai-stack") '
        "config.environment.systemPackages)"
    )
    assert 'AI_STACK_KEY_FILE="${AI_STACK_KEY_FILE:-/var/lib/ai-stack/keys/api-keys.json}"' in text
    assert re.search(r'exec /nix/store/\S+/bin/ai-stack "\$@"', text)
