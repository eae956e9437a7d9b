"""sd_notify: what is sent, and that nothing is sent or waited for without a manager."""

import os
import socket
from pathlib import Path

import pytest

from ai_stack.service.notify import Notifier


@pytest.fixture
def manager(tmp_path: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind(str(tmp_path / "notify"))
    sock.settimeout(5)
    return sock


def test_state_reaches_the_manager(manager: socket.socket) -> None:
    with manager:
        notifier = Notifier({"NOTIFY_SOCKET": manager.getsockname()})
        notifier.ready()
        notifier.status("loading\nmodel")
        notifier.watchdog()
        notifier.stopping()
        sent = [manager.recv(1000).decode() for _ in range(4)]
    assert sent == ["READY=1", "STATUS=loading model", "WATCHDOG=1", "STOPPING=1"]


def test_the_abstract_namespace_is_supported() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(f"\0ai-stack-test-{os.getpid()}")
        sock.settimeout(5)
        Notifier({"NOTIFY_SOCKET": f"@ai-stack-test-{os.getpid()}"}).ready()
        assert sock.recv(100) == b"READY=1"


def test_without_a_manager_nothing_happens(tmp_path: Path) -> None:
    Notifier({}).ready()
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready()


@pytest.mark.parametrize(
    ("environ", "interval"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "3000000"}, 1.5),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())}, 1.5),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "-5"}, None),
    ],
)
def test_the_watchdog_is_fed_at_half_its_interval(environ: dict[str, str], interval: float | None) -> None:
    assert Notifier(environ).watchdog_interval == interval
