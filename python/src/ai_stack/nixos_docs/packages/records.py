"""Packages as `packages.json` describes them.

Read are the outputs of `nix-env -qaP --json` (with and without `--meta`), of `nix search --json`, and the
`packages.json` that comes with a NixOS channel. Any may be compressed with gzip.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ai_stack.nixos_docs.jsonfile import JsonFileError, read_json

_PREFIX = re.compile(r"^(?:legacyPackages\.[\w-]+\.|packages\.[\w-]+\.|nixos\.|nixpkgs\.)")
_VERSION = re.compile(r"-(?=\d)")


@dataclass(frozen=True, slots=True)
class Package:
    """A package. `attribute` is where it is in nixpkgs; texts are empty where nothing is known."""

    attribute: str
    name: str
    version: str
    description: str
    homepage: str
    licenses: tuple[str, ...]
    main_program: str


def read_packages(path: Path) -> list[Package]:
    """Return the packages in a file, by attribute.

    Raises:
        JsonFileError: it cannot be read, or is no file of packages.
    """
    content = read_json(path)
    if isinstance(content, dict) and isinstance(content.get("packages"), dict):
        content = content["packages"]
    if not isinstance(content, dict) or not content:
        raise JsonFileError(f"{path}: must hold an object of packages")
    packages: dict[str, Package] = {}
    for attribute, entry in content.items():
        if not isinstance(entry, dict):
            raise JsonFileError(f"{path}: {attribute[:200]!r} is not described as a package is")
        short = _PREFIX.sub("", attribute)
        packages.setdefault(short, _package(short, entry))
    return [packages[attribute] for attribute in sorted(packages)]


def _package(attribute: str, entry: dict[str, Any]) -> Package:
    meta = entry.get("meta") if isinstance(entry.get("meta"), dict) else {}
    assert isinstance(meta, dict)
    full = _text(entry.get("name"))
    name = _text(entry.get("pname")) or _VERSION.split(full, maxsplit=1)[0] or attribute.rsplit(".", 1)[-1]
    homepage = meta.get("homepage")
    return Package(
        attribute=attribute,
        name=name,
        version=_text(entry.get("version")) or (full[len(name) + 1 :] if full.startswith(f"{name}-") else ""),
        description=_text(meta.get("description")) or _text(entry.get("description")),
        homepage=_text(homepage[0] if isinstance(homepage, list) and homepage else homepage),
        licenses=tuple(_licenses(meta.get("license"))),
        main_program=_text(meta.get("mainProgram")),
    )


def _licenses(value: Any) -> list[str]:
    found = []
    for item in value if isinstance(value, list) else [value]:
        name = (item.get("spdxId") or item.get("fullName") or item.get("shortName")) if isinstance(item, dict) else item
        if isinstance(name, str) and name:
            found.append(name)
    return found


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
