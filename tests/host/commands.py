"""What a script may ask of a running machine: the NixOS test driver's methods (NixOS manual, "Machine objects")."""

import re
import shlex
import subprocess
import time
from collections.abc import Callable

#: Seconds that a wait may take by default, as in the driver of NixOS.
PATIENCE = 900
#: Seconds between two looks.
PAUSE = 0.2

_PATH = "/run/wrappers/bin:/run/current-system/sw/bin:/usr/sbin:/usr/bin:/nix/debian/bin"


class MachineError(Exception):
    """What a script demanded of a machine did not come true."""


class RequestedAssertionFailed(AssertionError):
    """A script found something else than it expects."""


class Commands:
    """Commands on a machine, and waiting for what they say.

    Attributes:
        name: of the machine.
        init: process id of its systemd, seen from outside; 0 when it is off.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.init = 0

    def execute(
        self, command: str, check_return: bool = True, check_output: bool = True, timeout: int | None = PATIENCE
    ) -> tuple[int, str]:
        """Run a shell command on the machine; return its status and standard output."""
        arguments = [
            *("nsenter", "--target", str(self.init), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup"),
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

        self.wait_for(succeeded, timeout, lambda: f"`{command}` did not succeed; last output:\n{last[0]}")
        return last[0]

    def wait_until_fails(self, command: str, timeout: int = PATIENCE) -> str:
        """Repeat a command until it fails; return what it printed then."""
        last = [""]

        def failed() -> bool:
            status, last[0] = self.execute(command, timeout=timeout)
            return status != 0

        self.wait_for(failed, timeout, lambda: f"`{command}` kept succeeding")
        return last[0]

    # -- units ---------------------------------------------------------------------------------------------------

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

        self.wait_for(active, timeout, lambda: f"unit {unit} did not become active\n{self.log_of(unit)}")

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

    # -- ports and files -----------------------------------------------------------------------------------------

    def wait_for_open_port(self, port: int, addr: str = "localhost", timeout: int = PATIENCE) -> None:
        """Wait until something listens on a port."""
        self.wait_until_succeeds(f"nc -z {addr} {port}", timeout)

    def wait_for_closed_port(self, port: int, addr: str = "localhost", timeout: int = PATIENCE) -> None:
        """Wait until nothing listens on a port."""
        self.wait_until_fails(f"nc -z {addr} {port}", timeout)

    def wait_for_file(self, filename: str, timeout: int = PATIENCE) -> None:
        """Wait until a file is there."""
        self.wait_until_succeeds(f"test -e {shlex.quote(filename)}", timeout)

    def wait_for(self, look: Callable[[], object], timeout: float, complaint: str | Callable[[], str]) -> int:
        """Look until there is something, and return it as a number.

        Raises:
            MachineError: there is nothing in time.
        """
        end = time.monotonic() + timeout
        while True:
            found = look()
            if found:
                return int(found) if isinstance(found, int) else 1
            if time.monotonic() > end:
                raise MachineError(f"{self.name}: {complaint if isinstance(complaint, str) else complaint()}")
            time.sleep(PAUSE)
