"""The service manager's notification protocol (sd_notify(3)), without libsystemd."""

import os
import socket
from collections.abc import Mapping


class Notifier:
    """Sends state to the socket in `NOTIFY_SOCKET`; does nothing where there is none."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        environ = os.environ if environ is None else environ
        address = environ.get("NOTIFY_SOCKET", "")
        # A leading @ stands for the NUL of the abstract namespace (unix(7)).
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._watchdog_usec = self._read_watchdog(environ)

    @staticmethod
    def _read_watchdog(environ: Mapping[str, str]) -> int:
        if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
            return 0
        try:
            return max(0, int(environ.get("WATCHDOG_USEC", "0")))
        except ValueError:
            return 0

    @property
    def watchdog_interval(self) -> float | None:
        """Seconds between two keep-alives: half of what the manager waits (sd_watchdog_enabled(3)), or None."""
        return self._watchdog_usec / 2_000_000 if self._watchdog_usec else None

    def ready(self) -> None:
        self._send("READY=1")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def watchdog(self) -> None:
        self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        self._send("STATUS=" + text.replace("\n", " "))

    def _send(self, message: str) -> None:
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            # Never wait: a manager that does not read must not stop the service.
            sock.setblocking(False)
            try:
                sock.sendto(message.encode(), self._address)
            except OSError:
                return
