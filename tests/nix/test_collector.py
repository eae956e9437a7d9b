"""The collector of figures: off unless asked for, and shut in."""

import shlex
from itertools import pairwise
from pathlib import Path

from nix.evaluate import Machine
from nix.machines import MINIMAL
from nix.security import exposure

ENTRY = '{ services.ai-stack = { enable = true; domain = "ai.example.org"; collector.enable = true; %s }; }'
PLAIN = Machine(ENTRY % "")


def test_figures_are_collected_only_when_asked_for() -> None:
    assert not [name for name in MINIMAL.units() if "collector" in name]


def test_every_service_is_asked_once_a_minute() -> None:
    timer = PLAIN.unit("ai-stack-collector.timer")
    assert timer.value("OnUnitActiveSec", "Timer") == "1min"
    command = shlex.split(PLAIN.unit("ai-stack-collector.service").value("ExecStart"))
    asked = [value.partition("=")[0] for option, value in pairwise(command) if option == "--service"]
    assert asked == ["aidb", "embeddings", "hybrid-coordinator", "nixos-docs", "status-page"]
    assert "--key-file" not in command


def test_the_collector_reaches_this_machine_alone(tmp_path: Path) -> None:
    unit = PLAIN.unit("ai-stack-collector.service")
    assert unit.value("IPAddressDeny") == "any"
    assert unit.values("IPAddressAllow") == ["localhost"]
    assert exposure(tmp_path, "ai-stack-collector.service", PLAIN.units()["ai-stack-collector.service"]) <= 1.5


def test_a_service_elsewhere_is_reached_and_no_other_address() -> None:
    given = Machine(ENTRY % 'services.embeddings = { enable = false; endpoints = [ "http://10.0.0.2:8081" ]; };')
    assert "10.0.0.2" in given.unit("ai-stack-collector.service").values("IPAddressAllow")


def test_a_key_comes_as_a_credential() -> None:
    unit = Machine(ENTRY % 'collector.keyFile = "/run/secrets/collector";').unit("ai-stack-collector.service")
    assert unit.value("LoadCredential") == "key:/run/secrets/collector"
    assert unit.value("ExecStart").endswith("--key-file /run/credentials/ai-stack-collector.service/key")
