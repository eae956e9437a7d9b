"""What a process and its children cost (proc(5), /proc/pid/stat and statm)."""

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def family(pid: int) -> list[int]:
    """Return the process and its descendants that are alive."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [pid]
    for each in found:
        found.extend(children.get(each, ()))
    return found


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of the family, user and system, children that have ended included."""
    return sum(sum(int(ticks) for ticks in fields[11:15]) / _TICKS for each in family(pid) if (fields := _stat(each)))


def resident_bytes(pid: int) -> int:
    """Return the resident memory of the family; pages that are shared count once per process."""
    return sum(int(fields[21]) * _PAGE for each in family(pid) if (fields := _stat(each)))


def peak_bytes(pid: int) -> int:
    """Return the most resident memory that the process itself ever had (proc(5), VmHWM)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def _stat(pid: int) -> list[str]:
    """Fields from the third on, empty when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def proportional_bytes(pid: int) -> int:
    """Return the memory of the family; a page that n processes share counts one nth in each (proc(5), smaps_rollup)."""
    return sum(_proportional(each) for each in family(pid))


def _proportional(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
