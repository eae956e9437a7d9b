"""Runs the script of a story on machines made from what its configuration evaluates to."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from host import golden, root
from host.install import install
from host.machine import Machine
from host.network import Network
from host.rendering import STORIES

#: Lines of a machine's journal that are shown when its story fails.
SHOWN = 60


@contextlib.contextmanager
def machines_of(story: str) -> Iterator[dict[str, Machine]]:
    """Make the machines of a story; they are off. Afterwards nothing of them is left.

    Raises:
        FileNotFoundError: the story was never rendered: `PYTHONPATH=tests python -m host.golden STORY`.
    """
    rendered = golden.read(story)
    hosts: dict[str, str] = {}
    for name, machine in rendered.items():
        for known in (name, machine.facts["domain"]):
            if known:
                hosts[known] = machine.facts["address"].split("/")[0]
    layers = root.layers()
    place = Path(tempfile.mkdtemp(prefix=f"run-{story}-", dir=root.cache_directory()))
    network = Network()
    made: dict[str, Machine] = {}
    try:
        for name, machine in rendered.items():
            disk = place / name
            disk.mkdir()
            merged = root.overlay(disk, layers)
            install(merged, name, machine.files, machine.facts, hosts)
            made[name] = Machine(name, merged, machine.facts["address"], network, f"{place.name}-{name}")
        yield made
    finally:
        for running in made.values():
            running.crash()
            remove_groups(running.group)
        network.close()
        for disk in place.iterdir():
            subprocess.run(["umount", "--recursive", disk / "merged"], check=False)
        shutil.rmtree(place, ignore_errors=True)


def run(story: str) -> None:
    """Run the script of a story.

    Raises:
        Exception: what the script raises; the journals of the machines are on standard output.
    """
    with machines_of(story) as machines:
        names = script_globals(machines)
        try:
            for path in (STORIES / "lib" / "prelude.py", STORIES / story / "script.py"):
                exec(compile(path.read_text(), path, "exec"), names)
        except BaseException:
            for machine in machines.values():
                if machine.booted:
                    show(machine)
            raise


def script_globals(machines: dict[str, Machine]) -> dict[str, Any]:
    """Return what a script of the NixOS test driver finds defined (NixOS manual, "Writing Tests")."""

    def start_all() -> None:
        for machine in machines.values():
            machine.start()

    def join_all() -> None:
        for machine in machines.values():
            machine.wait_for_shutdown()

    @contextlib.contextmanager
    def subtest(name: str) -> Iterator[None]:
        _say(f"subtest: {name}")
        yield

    def retry(look: Callable[[bool], bool], timeout_seconds: int = 900) -> None:
        next(iter(machines.values())).wait_for(lambda: look(False), timeout_seconds, "gave up")

    return {
        **{name.replace("-", "_"): machine for name, machine in machines.items()},
        "machines": list(machines.values()),
        "start_all": start_all,
        "join_all": join_all,
        "subtest": subtest,
        "retry": retry,
        "log": type(
            "Log", (), {"info": staticmethod(_say), "warning": staticmethod(_say), "error": staticmethod(_say)}
        ),
    }


def remove_groups(name: str) -> None:
    """Remove the control groups that a machine had; they are empty once it is off."""
    for group in [*Path("/sys/fs/cgroup").glob(f"**/{name}")]:
        for folder, _, _ in os.walk(group, topdown=False):
            with contextlib.suppress(OSError):
                Path(folder).rmdir()


def show(machine: Machine) -> None:
    """Write what a machine says of itself."""
    _say(f"--- {machine.name}")
    _say(machine.execute("systemctl --no-pager --failed; systemctl --no-pager list-jobs")[1])
    _say(machine.execute(f"journalctl --no-pager --lines={SHOWN} --priority=0..6")[1])


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    for wanted in sys.argv[1:]:
        run(wanted)
        _say(f"passed: {wanted}")
