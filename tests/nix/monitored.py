"""The machine on which everything is watched, and what its rules are."""

import subprocess
from pathlib import Path
from typing import Any

from nix.evaluate import Machine, require

#: All services, stores, backups, logs, figures and notifications.
MONITORED = Machine(
    """{
  services.ai-stack = {
    enable = true;
    domain = "ai.example.org";
    logs.enable = true;
    collector.enable = true;
    alertmanager = {
      enable = true;
      receiver.webhook_configs = [ { url_file = "/run/credentials/alertmanager.service/webhook"; } ];
      credentials.webhook = "/run/secrets/webhook";
    };
  };
}"""
)


def own(entry: str, more: str = "") -> Machine:
    """Return a machine with one service of one's own."""
    return Machine(
        f"""{{ pkgs, ... }}: {{ services.ai-stack = {{
  enable = true;
  services.translator = {{ package = pkgs.hello; port = 8100; {entry} }};
  {more}
}}; }}""",
        framework=True,
    )


def groups(machine: Machine = MONITORED) -> list[dict[str, Any]]:
    """Return the groups of rules, as Prometheus reads them."""
    rules: dict[str, list[dict[str, Any]]] = machine.get("config.services.ai-stack.prometheus.groups")
    return [{"name": name, "rules": rules[name]} for name in sorted(rules)]


def alerts(machine: Machine = MONITORED) -> dict[str, dict[str, Any]]:
    """Return the alert rules by name."""
    return {rule["alert"]: rule for group in groups(machine) for rule in group["rules"] if "alert" in rule}


def promtool(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run promtool in a directory."""
    program = require("promtool", "prometheus")
    return subprocess.run(
        [program, *map(str, arguments)], capture_output=True, text=True, timeout=120, cwd=cwd, check=False
    )
