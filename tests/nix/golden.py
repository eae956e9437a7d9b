"""Units as they were rendered when somebody last looked at them.

`python tests/nix/golden.py` (with tests/ on PYTHONPATH) writes the files anew; the difference is for the reviewer.
"""

import re
from pathlib import Path

from nix.evaluate import HERE, Machine
from nix.machines import MINIMAL, VECTORS

DIRECTORY = HERE / "golden"
#: What is looked at, by configuration: how the processes of the stack run, and how they get their secrets.
WATCHED: dict[str, tuple[Machine, tuple[str, ...]]] = {
    "minimal": (
        MINIMAL,
        (
            "ai-stack-aidb.service",
            "ai-stack-embeddings.service",
            "ai-stack-hybrid-coordinator.service",
            "ai-stack-nixos-docs.service",
            "ai-stack-postgresql.service",
            "ai-stack-secrets.service",
            "ai-stack-status-page.service",
            "ai-stack-tls.service",
        ),
    ),
    "vectors": (VECTORS, ("ai-stack-embeddings.service",)),
}

_STORE = re.compile(r"/nix/store/[a-z0-9]{32}-")
_VERSION = re.compile(r"(?<=[a-zA-Z0-9])-\d+(\.\d+)+(?=[/\s\"]|$)")
# Of NixOS, and other with each of its releases.
_ENVIRONMENT = re.compile(r'Environment="(PATH|LOCALE_ARCHIVE|TZDIR)=')


def normalized(text: str) -> str:
    """Return a unit without what depends on versions of packages."""
    lines = [line for line in text.splitlines() if not _ENVIRONMENT.match(line)]
    return _VERSION.sub("", _STORE.sub("/nix/store/", "\n".join(lines))).strip() + "\n"


def rendered(name: str) -> dict[str, str]:
    """Return the units of a configuration that are looked at, by name."""
    machine, names = WATCHED[name]
    units = machine.units()
    return {unit: normalized(units[unit]) for unit in names}


def stored(name: str) -> dict[str, str]:
    """Return the units as they were."""
    return {path.name: path.read_text() for path in sorted((DIRECTORY / name).iterdir())}


def write(name: str) -> None:
    """Replace the stored units of a configuration by the rendered ones."""
    folder = DIRECTORY / name
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    for unit, text in rendered(name).items():
        Path(folder / unit).write_text(text)


if __name__ == "__main__":
    for configuration in WATCHED:
        write(configuration)
