"""Every directive of the sandbox, tried out: what it forbids happens without it, and does not with it.

`PYTHONPATH=tests python -m host.directives` prints the table of docs/host-tests.md.
"""

import re
import sys
from pathlib import Path

from host import golden, stories
from host.probes import PROBES, SHARED_KEY

HERE = Path(__file__).resolve().parent
HARDENING = HERE.parent.parent / "modules" / "hardening.nix"
#: A unit that has the baseline as it is.
UNIT = "units/ai-stack-aidb.service"
STORY, MACHINE = "stack", "client"

#: What a unit needs besides for a directive to have something to forbid.
SETTING = {
    "AmbientCapabilities": ["User=nobody", "AmbientCapabilities=CAP_NET_RAW"],
    "IPAddressAllow": ["IPAddressDeny=any"],
    "KeyringMode": ["KeyringMode=shared"],
    "NoNewPrivileges": ["User=nobody"],
    "ProtectProc": ["User=nobody"],
    "RemoveIPC": ["User=nobody"],
    "SystemCallErrorNumber": ["SystemCallFilter=~chroot"],
}
#: Directives that let something happen, instead of forbidding it.
ALLOWING = frozenset({"IPAddressAllow", "SystemCallErrorNumber"})
#: Where what has happened is seen afterwards only.
AFTERWARDS = {"RemoveIPC": f"ipcrm --shmem-key {SHARED_KEY} 2>/dev/null"}

_PREPARATION = f"""
touch /tmp/probe-marker /root/probe-marker /dev/probe-marker
mknod /opt/probe-device c 1 11
cp /usr/bin/id /opt/probe-id && chmod 4755 /opt/probe-id
python3 -c 'import ctypes; ctypes.CDLL(None).shmget({SHARED_KEY + 1}, 1, 0o1666)'
"""


def baseline() -> list[str]:
    """Return the directives of the baseline in modules/hardening.nix."""
    block = re.search(r"\n  baseline = \{\n(.*?)\n  \};\n", HARDENING.read_text(), re.DOTALL)
    assert block is not None
    return re.findall(r"^    ([A-Z]\w+) =", block[1], re.MULTILINE)


def values() -> dict[str, list[str]]:
    """Return the lines of a unit that set directives of the baseline, by directive."""
    lines = golden.read(STORY)["server"].files[UNIT].splitlines()
    return {name: [line for line in lines if line.startswith(f"{name}=")] for name in baseline()}


def outcomes() -> dict[str, tuple[bool, bool]]:
    """Return by directive whether its operation happened without it, and with it."""
    lines = values()
    with stories.machines_of(STORY) as machines:
        machine = machines[MACHINE]
        machine.start()
        machine.copy_from_host(str(HERE / "probes.py"), "/opt/probes.py")
        machine.succeed(_PREPARATION)
        # One command, since each costs a process that enters the machine.
        runs = [
            _run(name, side, lines[name] if side == "with" else []) for name in PROBES for side in ("without", "with")
        ]
        makes, starts = zip(*runs, strict=True)
        printed = machine.succeed("\n".join([*makes, "systemctl daemon-reload", *starts]))
    happened = set(printed.split())
    return {name: (f"{name}-without" in happened, f"{name}-with" in happened) for name in PROBES}


def _run(name: str, side: str, lines: list[str]) -> tuple[str, str]:
    """Return the command that makes a unit, and the one that runs it and says when the operation happened."""
    content = [
        "[Service]",
        "Type=oneshot",
        f"ExecStart=/usr/bin/python3 /opt/probes.py {name}",
        *SETTING.get(name, []),
        *lines,
    ]
    unit = f"probe-{name}-{side}.service"
    look = f"systemctl start {unit} 2>/dev/null"
    if name in AFTERWARDS:
        look = f"{look}; {AFTERWARDS[name]} >/dev/null"
    return (
        f"cat >/run/systemd/system/{unit} <<'UNIT'\n" + "\n".join(content) + "\nUNIT",
        f"if {look}; then echo {name}-{side}; fi",
    )


def table(found: dict[str, tuple[bool, bool]]) -> str:
    """Return the outcomes as a table in Markdown."""
    words = {True: "happens", False: "does not"}
    lines = values()
    rows = (
        f"| `{', '.join(lines[name])}` | {words[without]} | {words[with_it]} |"
        for name, (without, with_it) in found.items()
    )
    return "\n".join(["| directive | without it, the operation | with it |", "| --- | --- | --- |", *rows])


if __name__ == "__main__":
    sys.stdout.write(table(outcomes()) + "\n")
