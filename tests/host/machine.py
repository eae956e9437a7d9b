"""One machine: its disk, and the processes on it when it runs."""

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from host.commands import Commands, MachineError
from host.network import Network

HERE = Path(__file__).resolve().parent


class Machine(Commands):
    """A machine of a story."""

    def __init__(self, name: str, root: Path, address: str, network: Network, group: str) -> None:
        super().__init__(name)
        self._root = root
        self._address = address
        self._network = network
        self.group = group
        self._boot: subprocess.Popen[bytes] | None = None

    @property
    def booted(self) -> bool:
        """Whether the machine runs."""
        return self._boot is not None and self._boot.poll() is None

    def start(self, allow_reboot: bool = False) -> None:
        """Boot the machine, unless it runs, and wait until it takes commands."""
        if self.booted:
            return
        with (self._root.parent / "boot.log").open("ab") as log:
            self._boot = subprocess.Popen(
                # ends with the process that runs the stories
                ["setpriv", "--pdeathsig", "KILL", HERE / "boot.sh", self._root, self.name, self.group],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )
        self.init = self.wait_for(self._find_init, 60, "systemd did not start")
        self._network.plug(self.name, self.init, self._address)
        self.wait_for(self._takes_commands, 120, "systemd does not answer")

    def wait_for_shutdown(self, timeout: int = 120) -> None:
        """Wait until the machine is off."""
        assert self._boot is not None
        self._boot.wait(timeout)
        self.init = 0

    def shutdown(self) -> None:
        """Turn the machine off, in order."""
        if not self.booted:
            return
        self.execute("systemctl --no-block poweroff")
        try:
            self.wait_for_shutdown()
        except subprocess.TimeoutExpired:
            self.crash()

    def crash(self) -> None:
        """End everything on the machine at once, as when the power goes. What the kernel had not written stays."""
        if self.booted:
            os.kill(self.init, signal.SIGKILL)
            self.wait_for_shutdown()

    def reboot(self) -> None:
        """Turn the machine off and on again."""
        self.shutdown()
        self.start()

    def copy_from_host(self, source: str, target: str) -> None:
        """Copy a file or directory of this repository's machine onto the machine."""
        place = self._root / target.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        if Path(source).is_dir():
            shutil.copytree(source, place, dirs_exist_ok=True)
        else:
            shutil.copy(source, place)

    def block(self) -> None:
        """Unplug the network cable."""
        self._network.connect(self.name, connected=False)

    def unblock(self) -> None:
        """Plug the network cable in."""
        self._network.connect(self.name, connected=True)

    @contextlib.contextmanager
    def nested(self, text: str) -> Iterator[None]:
        """Name what the commands inside are about."""
        yield

    def log(self, text: str) -> None:
        """Write a line to the output of the test."""
        print(f"{self.name}: {text}", flush=True)  # noqa: T201 - pytest shows it when a story fails

    def _takes_commands(self) -> bool:
        return self.execute("systemctl is-system-running 2>/dev/null")[1].strip() not in {"", "offline", "unknown"}

    def _find_init(self) -> int:
        assert self._boot is not None
        if self._boot.poll() is not None:
            raise MachineError(f"{self.name} did not boot\n{(self._root.parent / 'boot.log').read_text()}")
        children = Path(f"/proc/{self._boot.pid}/task/{self._boot.pid}/children").read_text().split()
        for child in children:
            with contextlib.suppress(OSError):
                if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                    return int(child)
        return 0
