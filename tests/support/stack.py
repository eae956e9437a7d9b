"""The whole embedded stack as a user starts it: one command, real stores, the real model."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from ai_stack.local.keyfile import add_key
from support.otlp import Received, http_receiver
from support.waiting import PATIENCE

START_SECONDS = 90.0
STOP_SECONDS = 60.0


@dataclass
class RunningStack:
    """A stack that is up, and what a test asks of it."""

    state: Path
    process: subprocess.Popen[bytes]
    key: str
    traces: Received

    @property
    def record(self) -> dict[str, Any]:
        """What stack.json says now."""
        content: dict[str, Any] = json.loads((self.state / "stack.json").read_bytes())
        return content

    @property
    def services(self) -> dict[str, str]:
        """Base URL of each service."""
        return dict(self.record["services"])

    def pid(self, name: str) -> int:
        """Process id of a child."""
        return int(self.record["pids"][name])

    def log(self, service: str) -> list[dict[str, Any]]:
        """The lines that a service has logged."""
        lines = (self.state / "log" / f"{service}.log").read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


def command(*arguments: str) -> list[str]:
    """The command line of the `ai-stack` command."""
    return [sys.executable, "-m", "ai_stack.cli", *arguments]


@contextlib.contextmanager
def running_stack(state: Path, corpus: Path, environment: Mapping[str, str] | None = None) -> Iterator[RunningStack]:
    """Start the stack, yield it when it has stored `corpus` and says that it runs; stop it in the end."""
    output = state.parent / f"{state.name}.out"
    with http_receiver() as traces, output.open("wb") as out:
        process = subprocess.Popen(
            command("up", "--state", str(state), "--corpus", str(corpus)),
            stdout=out,
            stderr=subprocess.STDOUT,
            env={
                **os.environ,
                "OTEL_EXPORTER_OTLP_ENDPOINT": traces.url,
                "OTEL_BSP_SCHEDULE_DELAY": "200",
                **(environment or {}),
            },
        )
        try:
            deadline = time.monotonic() + START_SECONDS
            while b"Running." not in output.read_bytes():
                assert process.poll() is None, output.read_text()
                assert time.monotonic() < deadline, output.read_text()
                time.sleep(0.1)
            # The user's own key may not administrate; tests call every route.
            key = add_key(state / "api-keys.json", "tests", ["read", "write", "admin"], replace=True)
            stack = RunningStack(state, process, key, traces)
            for url in stack.services.values():
                _wait_until_accepted(url, key)
            yield stack
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise


def _wait_until_accepted(url: str, key: str) -> None:
    """Services look for changes of the key file once a second."""
    deadline = time.monotonic() + PATIENCE
    request = urllib.request.Request(f"{url}/openapi.json", headers={"X-API-Key": key})
    while True:
        try:
            urllib.request.urlopen(request, timeout=10).close()
        except urllib.error.HTTPError as error:
            error.close()
            if error.code != HTTPStatus.UNAUTHORIZED or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
