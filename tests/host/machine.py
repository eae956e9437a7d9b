"""One machine, with the methods of the NixOS test driver (NixOS manual, "Machine objects")."""

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from host.network import Network

HERE = Path(__file__).resolve().parent

#: Seconds that a wait may take by default, as in the driver of NixOS.
PATIENCE = 900
#: Seconds between two looks.
PAUSE = 0.2

_PATH = "/run/wrappers/bin:/run/current-system/sw/bin:/usr/sbin:/usr/bin:/nix/debian/bin"


class MachineError(Exception):
    """What a script demanded of a machine did not come true."""


class RequestedAssertionFailed(AssertionError):
    """A script found something else than it expects."""


class Machine:
    """A machine of a story: its disk, and the processes on it when it runs."""

    def __init__(self, name: str, root: Path, address: str, network: Network, group: str) -> None:
        self.name = name
        self._root = root
        self._address = address
        self._network = network
        self.group = group
        self._boot: subprocess.Popen[bytes] | None = None
        self._init = 0

    # -- running -------------------------------------------------------------------------------------------------

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
        self._init = self._wait(self._find_init, 60, "systemd did not start")
        self._network.plug(self.name, self._init, self._address)
        self._wait(self._takes_commands, 120, "systemd does not answer")

    def wait_for_shutdown(self, timeout: int = 120) -> None:
        """Wait until the machine is off."""
        assert self._boot is not None
        self._boot.wait(timeout)
        self._init = 0

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
            os.kill(self._init, signal.SIGKILL)
            self.wait_for_shutdown()

    def reboot(self) -> None:
        """Turn the machine off and on again."""
        self.shutdown()
        self.start()

    def wait_for_unit(self, unit: str, user: str | None = None, timeout: int = PATIENCE) -> None:
        """Wait until a unit is active.

        Raises:
            MachineError: it failed, or is not active and nothing is going to start it.
        """

        def active() -> bool:
            info = self.get_unit_info(unit, user)
            state = info["ActiveState"]
            if state == "failed":
                raise MachineError(f'unit "{unit}" reached state "{state}"\n{self.log_of(unit)}')
            if state == "inactive":
                _, jobs = self.systemctl("list-jobs --full 2>&1", user)
                if "No jobs" in jobs and self.get_unit_info(unit, user)["ActiveState"] == "inactive":
                    raise MachineError(f'unit "{unit}" is inactive and there are no pending jobs')
            return state == "active"

        self._wait(active, timeout, lambda: f"unit {unit} did not become active\n{self.log_of(unit)}")

    # -- commands ------------------------------------------------------------------------------------------------

    def execute(
        self, command: str, check_return: bool = True, check_output: bool = True, timeout: int | None = PATIENCE
    ) -> tuple[int, str]:
        """Run a shell command on the machine; return its status and standard output."""
        arguments = [
            *("nsenter", "--target", str(self._init), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup"),
            *("--root", "--wd", "env", "-i", f"PATH={_PATH}", "HOME=/root", "USER=root", "LANG=C.UTF-8"),
            *("bash", "-c", f"set -euo pipefail; {command}"),
        ]
        done = subprocess.run(
            arguments,
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            timeout=timeout,
            check=False,
            text=True,
            errors="replace",
        )
        return done.returncode, done.stdout

    def succeed(self, *commands: str, timeout: int | None = PATIENCE) -> str:
        """Run commands that must succeed; return what they print."""
        printed = ""
        for command in commands:
            status, output = self.execute(command, timeout=timeout)
            if status:
                raise RequestedAssertionFailed(
                    f"{self.name}: command `{command}` failed (exit code {status})\n{output}"
                )
            printed += output
        return printed

    def fail(self, *commands: str, timeout: int | None = PATIENCE) -> str:
        """Run commands that must fail; return what they print."""
        printed = ""
        for command in commands:
            status, output = self.execute(command, timeout=timeout)
            if status == 0:
                raise RequestedAssertionFailed(f"{self.name}: command `{command}` unexpectedly succeeded\n{output}")
            printed += output
        return printed

    def wait_until_succeeds(self, command: str, timeout: int = PATIENCE) -> str:
        """Repeat a command until it succeeds; return what it printed then."""
        last = [""]

        def succeeded() -> bool:
            status, last[0] = self.execute(command, timeout=timeout)
            return status == 0

        self._wait(succeeded, timeout, lambda: f"`{command}` did not succeed; last output:\n{last[0]}")
        return last[0]

    def wait_until_fails(self, command: str, timeout: int = PATIENCE) -> str:
        """Repeat a command until it fails; return what it printed then."""
        last = [""]

        def failed() -> bool:
            status, last[0] = self.execute(command, timeout=timeout)
            return status != 0

        self._wait(failed, timeout, lambda: f"`{command}` kept succeeding")
        return last[0]

    # -- units ---------------------------------------------------------------------------------------------------

    def systemctl(self, query: str, user: str | None = None) -> tuple[int, str]:
        """Run systemctl; return status and output."""
        if user is not None:
            raise NotImplementedError("no machine here has user managers")
        return self.execute(f"systemctl {query}")

    def get_unit_info(self, unit: str, user: str | None = None) -> dict[str, str]:
        """Return the properties of a unit (org.freedesktop.systemd1(5))."""
        _, output = self.systemctl(f"--no-pager show {shlex.quote(unit)}", user)
        return dict(line.split("=", 1) for line in output.splitlines() if re.match(r"^[A-Za-z0-9]+=", line))

    def get_unit_property(
        self,
        unit: str,
        property: str,  # noqa: A002 - its name in the driver
        user: str | None = None,
    ) -> str:
        """Return one property of a unit."""
        _, output = self.systemctl(
            f"--no-pager show {shlex.quote(unit)} --property={shlex.quote(property)} --value", user
        )
        return output.strip()

    def require_unit_state(self, unit: str, require_state: str = "active") -> None:
        """Fail unless a unit is in a state."""
        state = self.get_unit_info(unit)["ActiveState"]
        if state != require_state:
            raise RequestedAssertionFailed(f"unit {unit} is {state}, not {require_state}\n{self.log_of(unit)}")

    def start_job(self, jobname: str, user: str | None = None) -> tuple[int, str]:
        """Start a unit."""
        return self.systemctl(f"start {jobname}", user)

    def stop_job(self, jobname: str, user: str | None = None) -> tuple[int, str]:
        """Stop a unit."""
        return self.systemctl(f"stop {jobname}", user)

    def log_of(self, unit: str, lines: int = 40) -> str:
        """Return the last lines of a unit's journal."""
        return self.execute(f"journalctl --no-pager --lines={lines} --unit={shlex.quote(unit)} 2>&1")[1]

    # -- network and files ---------------------------------------------------------------------------------------

    def wait_for_open_port(self, port: int, addr: str = "localhost", timeout: int = PATIENCE) -> None:
        """Wait until something listens on a port."""
        self.wait_until_succeeds(f"nc -z {addr} {port}", timeout)

    def wait_for_closed_port(self, port: int, addr: str = "localhost", timeout: int = PATIENCE) -> None:
        """Wait until nothing listens on a port."""
        self.wait_until_fails(f"nc -z {addr} {port}", timeout)

    def wait_for_file(self, filename: str, timeout: int = PATIENCE) -> None:
        """Wait until a file is there."""
        self.wait_until_succeeds(f"test -e {shlex.quote(filename)}", timeout)

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

    # -- inside --------------------------------------------------------------------------------------------------

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

    def _wait(self, look: Callable[[], object], timeout: float, complaint: str | Callable[[], str]) -> int:
        end = time.monotonic() + timeout
        while True:
            found = look()
            if found:
                return int(found) if isinstance(found, int) else 1
            if time.monotonic() > end:
                raise MachineError(f"{self.name}: {complaint if isinstance(complaint, str) else complaint()}")
            time.sleep(PAUSE)
