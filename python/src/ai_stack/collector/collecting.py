"""One run: at most one at a time and one in ten seconds, slow figures at most every thirty, output in one step."""

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ai_stack.collector import asking, document, textfile
from ai_stack.collector.asking import Stack
from ai_stack.collector.breaker import DiskBreaker
from ai_stack.local.errors import LocalError
from ai_stack.local.paths import private_directory, write_private

LEAST_INTERVAL = 10.0
SLOW_INTERVAL = 30.0
_READABLE = 0o644


class Collector:
    """Collects into files.

    Args:
        stack: what is asked.
        state: directory of what is kept between runs.
        output: the JSON document.
        textfile_path: the Prometheus text file; None for none.
        clock: seconds since the epoch.

    Raises:
        LocalError: the state directory cannot be used.
    """

    def __init__(
        self,
        stack: Stack,
        state: Path,
        output: Path,
        textfile_path: Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._stack = stack
        self._state = private_directory(state)
        self._output = output
        self._textfile = textfile_path
        self._clock = clock

    async def run(self) -> bool:
        """Collect, unless the last run was less than `LEAST_INTERVAL` seconds ago.

        Whoever comes while another collects waits, and finds that run's output.

        Returns:
            Whether anything was collected.

        Raises:
            LocalError: a file cannot be written.
        """
        with self._locked():
            begun = self._clock()
            if self._output.exists() and 0 <= begun - self._last_run() < LEAST_INTERVAL:
                return False
            write_private(self._state / "last-run", json.dumps(begun))
            states = await asking.states(self._stack, DiskBreaker(self._state, self._clock))
            online = {name for name, state in states.items() if state.health is not None}
            made = document.build(self._stack, states, await self._counts(online), self._clock())
            write_private(self._output, json.dumps(made, indent=2) + "\n", mode=_READABLE)
            if self._textfile is not None:
                now = self._clock()
                text = textfile.render(made, now=now, seconds=now - begun)
                write_private(self._textfile, text, mode=_READABLE)
        return True

    async def _counts(self, online: set[str]) -> dict[str, Any]:
        path = self._state / "counts.json"
        # What was kept with a key must not be shown for a stack that is asked without one.
        asked = sorted(online) if self._stack.key is not None else []
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            kept = json.loads(path.read_text())
            if kept["asked"] == asked and 0 <= self._clock() - kept["time"] < SLOW_INTERVAL:
                counts: dict[str, Any] = kept["counts"]
                return counts
        counts = await asking.counts(self._stack, online)
        write_private(path, json.dumps({"time": self._clock(), "asked": asked, "counts": counts}))
        return counts

    def _last_run(self) -> float:
        try:
            return float(json.loads((self._state / "last-run").read_text()))
        except (OSError, ValueError, TypeError):
            return 0.0

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            handle = os.open(self._state / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise LocalError(f"cannot use {self._state}: {error.strerror}") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)
