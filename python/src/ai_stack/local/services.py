"""The four services as children: their settings, credentials and order."""

import http.client
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ai_stack.local.paths import private_directory, write_private
from ai_stack.local.program import Program, base_environment
from ai_stack.local.supervisor import Child

PROBE_SECONDS = 2.0
SHUTDOWN_SECONDS = 8.0


@dataclass(frozen=True)
class ServicePlan:
    """One service of the stack.

    Attributes:
        name: name of the service; its package is the same with underscores.
        settings: its settings beside those that every service gets.
        credentials: secrets by settings field.
        requires: names of the children that must be ready first.
        uses: names of the children that it can start without, but that end after it.
    """

    name: str
    settings: Mapping[str, Any]
    credentials: Mapping[str, str] = field(default_factory=dict)
    requires: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()

    @property
    def module(self) -> str:
        """The package that is run."""
        return "ai_stack." + self.name.replace("-", "_")


def service_child(state: Path, plan: ServicePlan, port: int, api_keys_file: Path) -> Child:
    """Write the settings and credentials of a service and describe its process.

    Args:
        state: state directory of the stack.
        plan: what is special about the service.
        port: TCP port it listens on.
        api_keys_file: the keys it accepts.

    Raises:
        LocalError: a directory or a file cannot be used.
    """
    settings = {
        "port": port,
        "api_keys_file": str(api_keys_file),
        "shutdown_timeout": SHUTDOWN_SECONDS,
        **plan.settings,
    }
    config = private_directory(state / "config") / f"{plan.name}.json"
    write_private(config, json.dumps(settings, indent=2) + "\n")
    credentials = private_directory(private_directory(state / "credentials") / plan.name)
    for stale in credentials.iterdir():
        stale.unlink()
    for name, value in plan.credentials.items():
        write_private(credentials / name, value)
    environment = {
        **base_environment(),
        **{name: value for name, value in os.environ.items() if name.startswith("OTEL_")},
        "CREDENTIALS_DIRECTORY": str(credentials),
    }
    return Child(
        Program(
            name=plan.name,
            # -P: the working directory is no place to import from.
            command=(sys.executable, "-P", "-m", plan.module, "--config", str(config)),
            directory=private_directory(private_directory(state / "services") / plan.name),
            log=private_directory(state / "log") / f"{plan.name}.log",
            ready=readiness_probe(port),
            environment=environment,
        ),
        requires=plan.requires,
        uses=plan.uses,
    )


def earlier_port(state: Path, name: str) -> int | None:
    """The port that a service had in the last run of the stack, None when there was none."""
    try:
        return int(json.loads((state / "config" / f"{name}.json").read_bytes())["port"])
    except (OSError, ValueError, KeyError):
        return None


def readiness_probe(port: int) -> Callable[[], bool]:
    """A blocking probe: whether the service on `port` of the loopback interface says that it is ready."""

    def probe() -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PROBE_SECONDS)
        try:
            connection.request("GET", "/health/ready")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    return probe
