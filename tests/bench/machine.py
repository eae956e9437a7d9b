"""On what a benchmark ran: figures of different machines, or of a busy one, cannot be compared."""

import os
import platform
from pathlib import Path
from typing import Any


def describe() -> dict[str, Any]:
    """Return the processor, the cores that this process may use, memory in MiB, the systems, and the load (1 min)."""
    return {
        "cpu": _field("/proc/cpuinfo", "model name") or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_mib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_average": round(os.getloadavg()[0], 2),
    }


def sentence(machine: dict[str, Any]) -> str:
    """Return what `describe` returned as text."""
    return (
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_mib'] / 1024:.0f} GiB, Linux "
        f"{machine['kernel']}, Python {machine['python']}; load average when it began: {machine['load_average']:.1f}"
    )


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether absolute figures of both may be compared."""
    return all(one.get(key) == other.get(key) for key in ("cpu", "cores"))


def _field(path: str, name: str) -> str | None:
    for line in Path(path).read_text().splitlines():
        if line.startswith(name):
            return line.partition(":")[2].strip()
    return None
