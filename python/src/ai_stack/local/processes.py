"""What runs on this machine, read from proc(5)."""

import os
from pathlib import Path


def working_in(directory: Path, program: str) -> list[int]:
    """Process ids of those that execute `program` (name of the file) with `directory` as working directory.

    Only processes that the caller may inspect are seen: its own, or all for root.
    """
    found = []
    wanted = str(directory.resolve())
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            executable = os.readlink(entry / "exe").removesuffix(" (deleted)")
            if Path(executable).name == program and os.readlink(entry / "cwd") == wanted:
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def command_line(pid: int) -> list[str]:
    """The argv of process `pid`; empty when it does not exist, has ended, or is another user's secret."""
    try:
        text = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return []
    return [part.decode(errors="surrogateescape") for part in text.split(b"\0")[:-1]]


def available_memory() -> int | None:
    """Bytes that programs could have without swapping (proc(5), MemAvailable); None where the kernel does not tell."""
    for line in Path("/proc/meminfo").read_text("ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None
