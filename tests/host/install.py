"""Puts what evaluation says of a machine onto a Debian root, with as few differences as there can be."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from host.substitutions import ABSENT, FROM_OPT, SETTINGS, UNITS_ABSENT

#: Users of nixpkgs' modules that Debian has otherwise are replaced; uids from here are free on both.
FIRST_ID = 400

_DIRECTORIES = ("etc/systemd/system", "etc/tmpfiles.d", "nix/store", "nix/system/bin")


def install(
    root: Path, name: str, files: Mapping[str, str], facts: Mapping[str, Any], hosts: Mapping[str, str]
) -> None:
    """Write the files of a machine below `root`.

    Args:
        root: a Debian root, writable.
        name: host name.
        files: texts, as `Rendering.files`.
        facts: as `Rendering.facts`.
        hosts: address by name, of all machines.
    """
    for directory in _DIRECTORIES:
        (root / directory).mkdir(parents=True, exist_ok=True)
    _install_packages(root, facts["packages"])
    places: dict[str, Callable[[str], Path]] = {
        "units": lambda rest: root / "etc/systemd/system" / rest,
        "etc": lambda rest: root / "etc" / rest,
        "store": lambda rest: root / "nix/store" / rest,
    }
    for path, text in files.items():
        kind, _, rest = path.partition("/")
        if path == "tmpfiles.conf":
            _write(root / "etc/tmpfiles.d/nixos.conf", text)
        elif not (kind == "units" and rest in UNITS_ABSENT):
            _write(places[kind](rest), _substituted(rest, text), executable=rest in facts["executable"])
    for unit, folders in facts["enabled"].items():
        if unit not in UNITS_ABSENT:
            for folder in folders:
                link = root / "etc/systemd/system" / folder / unit
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(f"../{unit}")
    _install_programs(root, facts["programs"])
    _install_users(root, facts)
    lines = ["127.0.0.1 localhost", "::1 localhost", *(f"{address} {other}" for other, address in hosts.items())]
    _write(root / "etc/hosts", "\n".join(lines) + "\n")
    _write(root / "etc/hostname", f"{name}\n")
    # Nobody answers: what cannot be resolved here must not hang.
    _write(root / "etc/resolv.conf", "")
    # The same on every boot, unlike a machine that finds no network.
    (root / "etc/machine-id").unlink(missing_ok=True)
    _write(root / "etc/machine-id", "")


def _write(path: Path, text: str, executable: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink():
        path.unlink()
    path.write_text(text)
    path.chmod(0o755 if executable else 0o644)


def _substituted(name: str, text: str) -> str:
    if name in SETTINGS:
        return json.dumps(SETTINGS[name](json.loads(text)))
    return text


def _install_packages(root: Path, packages: Mapping[str, str]) -> None:
    for name, package in packages.items():
        if package not in ABSENT:
            (root / "nix/store" / name).symlink_to(FROM_OPT.get(package, "/nix/debian"))


def _install_programs(root: Path, programs: list[str]) -> None:
    """Put the programs of the machine on everybody's PATH; Debian's own are there anyway."""
    for name in programs:
        folder = root / "nix/store" / name / "bin"
        if folder.is_dir() and not (root / "nix/store" / name).is_symlink():
            for program in folder.iterdir():
                (root / "nix/system/bin" / program.name).symlink_to(f"/nix/store/{name}/bin/{program.name}")


def _install_users(root: Path, facts: Mapping[str, Any]) -> None:
    """Add the users and groups that NixOS would make at activation (passwd(5), group(5))."""
    groups = _read_table(root / "etc/group")
    users = _read_table(root / "etc/passwd")
    wanted = sorted({*facts["groups"], *(user["group"] for user in facts["users"].values())})
    number = FIRST_ID
    for group in wanted:
        if group not in groups:
            groups[group] = [group, "x", str(number), ""]
            number += 1
        members = {*groups[group][3].split(","), *facts["groups"].get(group, [])} - {""}
        groups[group][3] = ",".join(sorted(members))
    for name, user in sorted(facts["users"].items()):
        if name not in users:
            users[name] = [name, "x", str(number), groups[user["group"]][2], "", user["home"], "/usr/sbin/nologin"]
            number += 1
        for group in user["extraGroups"]:
            members = {*groups[group][3].split(","), name} - {""}
            groups[group][3] = ",".join(sorted(members))
    for path, table in ((root / "etc/group", groups), (root / "etc/passwd", users)):
        path.write_text("".join(":".join(fields) + "\n" for fields in table.values()))


def _read_table(path: Path) -> dict[str, list[str]]:
    return {line.split(":")[0]: line.split(":") for line in path.read_text().splitlines() if line}
