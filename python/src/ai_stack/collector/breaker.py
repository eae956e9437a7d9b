"""Leaves a service alone that has failed again and again; kept on disk, because each run is a process of its own."""

import json
import time
from collections.abc import Callable
from pathlib import Path

from ai_stack.local.paths import write_private

FAILURES = 3
PAUSE_SECONDS = 60.0


class DiskBreaker:
    """One circuit per name: open from the third failure in a row until a minute after the last one.

    Then one run asks again: success closes the circuit, failure opens it for another minute.

    Args:
        directory: for one file per circuit that is not clean.
        clock: seconds since the epoch.
    """

    def __init__(self, directory: Path, clock: Callable[[], float] = time.time) -> None:
        self._directory = directory
        self._clock = clock

    def admits(self, name: str) -> bool:
        """Whether the service may be asked."""
        failures, last = self._read(name)
        # A clock that was set back must not keep the circuit open for long.
        return failures < FAILURES or not 0 <= self._clock() - last < PAUSE_SECONDS

    def succeeded(self, name: str) -> None:
        """The service has answered."""
        self._path(name).unlink(missing_ok=True)

    def failed(self, name: str) -> None:
        """The service has not answered.

        Raises:
            LocalError: that cannot be written down.
        """
        failures, _ = self._read(name)
        write_private(self._path(name), json.dumps({"failures": failures + 1, "last_failure": self._clock()}))

    def _read(self, name: str) -> tuple[int, float]:
        try:
            content = json.loads(self._path(name).read_text())
            return int(content["failures"]), float(content["last_failure"])
        except (OSError, ValueError, KeyError, TypeError):
            return 0, 0.0

    def _path(self, name: str) -> Path:
        return self._directory / f"breaker-{name}.json"
