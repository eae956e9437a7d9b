"""What a service may be called without being taken for a part of the stack."""

import re

from nix.evaluate import Machine
from nix.machines import BOTH, EVERYTHING, MINIMAL

TEMPO = Machine('{ services.ai-stack = { enable = true; tracing.backend = "tempo"; }; }')
LONG = "a" * 22
NAMES = """{
  paths = builtins.attrNames config.systemd.tmpfiles.settings.ai-stack;
  flat =
    map (job: job.job_name) config.services.prometheus.scrapeConfigs
    ++ map (source: source.uid) config.services.ai-stack.grafana.dataSources
    ++ builtins.attrNames config.services.ai-stack.dashboards
    ++ builtins.attrNames config.users.groups;
}"""


def taken(machine: Machine) -> set[str]:
    """Return what is called ai-stack-NAME, or lies at /var/lib/ai-stack/NAME, and belongs to no service."""
    names = {match[1] for unit in machine.units() if (match := re.fullmatch(r"ai-stack-(.+?)@?\.[a-z]+", unit))}
    names |= {user.removeprefix("ai-stack-") for user in machine.get("users") if user.startswith("ai-stack-")}
    found: dict[str, list[str]] = machine.compute(NAMES)
    names |= {name.removeprefix("ai-stack-") for name in found["flat"] if name.startswith("ai-stack-")}
    names |= {path.split("/")[4] for path in found["paths"] if path.startswith("/var/lib/ai-stack/")}
    services = machine.get("settings").keys()
    return {name for name in names if name not in services and not name.startswith(("rotate-", "backup-hooks-"))}


def test_no_service_can_be_taken_for_a_part_of_the_stack() -> None:
    reserved = set(MINIMAL.get("config.services.ai-stack.reservedNames"))
    found = set().union(*map(taken, (MINIMAL, EVERYTHING, BOTH, TEMPO)))
    assert {"secrets", "certificate", "node", "overview", "metrics"} <= found
    assert found - reserved == set()


def test_the_longest_name_is_one_that_nixos_accepts() -> None:
    machine = Machine(
        f"{{ pkgs, ... }}: {{ services.ai-stack = {{ enable = true; services.{LONG} = "
        "{ package = pkgs.hello; port = 8100; }; }; }",
        framework=True,
    )
    assert machine.problems() == []
    assert machine.unit(f"ai-stack-{LONG}.service").value("User") == f"ai-stack-{LONG}"
