"""Reads what a service would write to its log."""

import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from ai_stack.service import logs, redaction


class LogLines:
    """The log of a service named `tested`, version `1.2.3`, written to memory."""

    def __init__(self) -> None:
        self._stream = io.StringIO()
        self.configure()

    def configure(self, level: str = "INFO") -> None:
        """Start to collect lines of this level and above."""
        logs.configure("tested", "1.2.3", level=level, stream=self._stream)
        self._handler = logging.getLogger().handlers[-1]

    def be_alone(self) -> None:
        """Take off the handlers that pytest puts on for each test: they raise where ours must not."""
        logging.getLogger().handlers[:] = [self._handler]

    @property
    def text(self) -> str:
        """Everything written so far."""
        return self._stream.getvalue()

    def all(self) -> list[dict[str, Any]]:
        """All lines so far, parsed."""
        return [json.loads(line) for line in self.text.split("\n")[:-1]]

    def named(self, event: str) -> list[dict[str, Any]]:
        """The lines of one event."""
        return [line for line in self.all() if line["event"] == event]

    def last(self) -> dict[str, Any]:
        """The latest line."""
        return self.all()[-1]


@pytest.fixture
def log_lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[LogLines]:
    """Everything that is logged during the test."""
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    monkeypatch.setattr(redaction, "_secrets", ())
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    with warnings.catch_warnings():
        yield LogLines()
        logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)
