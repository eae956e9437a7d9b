"""What differs from NixOS on these machines: one list for the machines, their output and the documentation."""

from collections.abc import Callable
from typing import Any

#: Packages of this repository, and data of nixpkgs, by where the root has them. All others are Debian's programs.
FROM_OPT = {
    "ai-stack": "/opt/ai-stack",
    # Python with our package, for a service of one's own
    "python3-3.13.7-env": "/opt/ai-stack",
    "all-MiniLM-L6-v2": "/opt/model",
    "all-MiniLM-L6-v2-onnx": "/opt/model-onnx",
    "ai-stack-docs-sources": "/opt/documentation",
    "nixos-modules": "/opt/nixos-modules",
}

#: Packages that Debian has not, and their units.
ABSENT = {
    "qdrant": "qdrant.service",
    "grafana": "grafana.service",
    "jaeger": "ai-stack-jaeger.service",
}
UNITS_ABSENT = frozenset(ABSENT.values())

Settings = dict[str, Any]


def _in_local_mode(settings: Settings) -> Settings:
    return settings | {"qdrant_path": "/var/lib/ai-stack/hybrid-coordinator/qdrant"}


def _of_local_mode(settings: Settings) -> Settings:
    """A backup without the server: learned context is among the files of hybrid-coordinator."""
    units = settings["units"]
    return settings | {
        "qdrant": None,
        "units": units | {"stores": [unit for unit in units["stores"] if unit not in UNITS_ABSENT]},
    }


#: Settings that differ, by name of the file in the store.
SETTINGS: dict[str, Callable[[Settings], Settings]] = {
    "ai-stack-hybrid-coordinator.json": _in_local_mode,
    # for the unit, and for ai-stack-restore
    "ai-stack-backup.json": _of_local_mode,
    "ai-stack-backup.json-2": _of_local_mode,
}

#: What differs, and by what it is replaced, for readers.
TABLE: tuple[tuple[str, str], ...] = (
    ("kernel, network card, disk", "of the machine that runs the tests: namespaces, a bridge, an overlay"),
    ("systemd of NixOS", "systemd of Debian 13; unit files, drop-ins and enablement as NixOS renders them"),
    ("packages of nixpkgs", "Debian's programs, where the store paths would be; versions differ"),
    ("our Python package and its dependencies", "the same code, installed by pip from requirements.lock"),
    ("activation of NixOS", "users, groups, /etc and directories written by tests/host/install.py"),
    ("documentation of Nix and NixOS", "documentation of this repository, as sources of nixos-docs"),
    (
        "Qdrant server",
        "Qdrant's local mode in hybrid-coordinator (qdrant_path), among the files of its backup",
    ),
    ("Grafana, Jaeger", "not there: their units are left out"),
)


def describe() -> str:
    """Return the table as lines of text."""
    width = max(len(what) for what, _ in TABLE)
    return "\n".join(f"{what:<{width}}  {instead}" for what, instead in TABLE)
