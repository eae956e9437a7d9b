"""What a story's machines are made of, from evaluation alone: texts, with store paths named by package.

Nothing is built. The texts of generated files are read from the derivations that would write them, and every store
path is written without hash and version: `/nix/store/redis/bin/redis-server`.
"""

import json
import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from host.substitutions import FROM_OPT
from nix.evaluate import REPOSITORY, instantiate

HERE = Path(__file__).resolve().parent
STORIES = REPOSITORY / "nixos-tests"

_STORE_PATH = re.compile(r"/nix/store/[a-z0-9]{32}-[A-Za-z0-9+._?=-]+")
_HASH = re.compile(r"^/nix/store/[a-z0-9]{32}-")
_VERSION = re.compile(r"-\d+(\.\d+)*$")
_LINK = re.compile(r"^\s*(?:ln -s|cp) (/nix/store/\S+) \"?\$out\"?\s*$", re.MULTILINE)
#: What NixOS's activation reads, and systemd does not.
_ACTIVATION = re.compile(r"^X-.*\n", re.MULTILINE)


class UnreadableError(Exception):
    """A file of the configuration is made by a program, so evaluation alone does not tell what it holds."""


@dataclass
class Rendering:
    """One machine.

    Attributes:
        files: texts by path: `units/NAME`, `etc/NAME`, `store/NAME...` (below /nix/store) and `tmpfiles.conf`.
        facts: what is no text: address, users, groups, names of other machines, how the units are enabled.
            `executable`: the files of `store/` that are programs; `packages`: store names of packages, by package;
            `programs`: store names whose `bin/` is on everybody's PATH.
    """

    files: dict[str, str] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)


def render(story: str) -> dict[str, Rendering]:
    """Return the machines of a story by name.

    Raises:
        EvaluationError: Nix refuses the story.
        UnreadableError: see there.
    """
    expression = f"import ./tests/host/node.nix {{ story = ./nixos-tests/{story}; }}"
    evaluated = json.loads(instantiate(expression, "--eval", "--strict", "--json", "--read-write-mode"))
    return {name: _Machine(machine).rendering for name, machine in evaluated["machines"].items()}


def _show(derivations: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return the environment of every derivation below those given, by the path that it writes."""
    wanted = sorted(path for path in set(derivations) if path.endswith(".drv"))
    if not wanted:
        return {}
    shown = subprocess.run(
        ["nix", "--extra-experimental-features", "nix-command", "derivation", "show", "--recursive", *wanted],
        capture_output=True,
        text=True,
        check=True,
    )
    outputs = [derivation for derivation in json.loads(shown.stdout).values() if "out" in derivation["outputs"]]
    return {derivation["outputs"]["out"]["path"]: derivation["env"] for derivation in outputs}


class _Machine:
    """Follows store paths from the units and files of one machine."""

    def __init__(self, machine: dict[str, Any]) -> None:
        traced = [*machine["units"].values(), *machine["files"].values(), *machine["programs"]]
        self._made = _show(derivation for one in traced for derivation in one["derivations"])
        self._names: dict[str, str] = {}
        self._packages: dict[str, str] = {}
        self._executable: list[str] = []
        self.rendering = Rendering()
        files = self.rendering.files
        for name, unit in sorted(machine["units"].items()):
            path = f"units/{name}.d/overrides.conf" if unit["dropIn"] else f"units/{name}"
            files[path] = self._named(_ACTIVATION.sub("", unit["text"])).strip() + "\n"
        for name, file in sorted(machine["files"].items()):
            files[f"etc/{name}"] = self._named(self._text(file["text"]))
        programs = [self._name(program["text"]) for program in machine["programs"]]
        if machine["tmpfiles"]:
            files["tmpfiles.conf"] = machine["tmpfiles"]
        self.rendering.facts = {
            "address": machine["address"],
            "domain": machine["domain"],
            "enabled": {
                name: sorted(
                    {f"{target}.wants" for target in unit["wantedBy"]}
                    | {f"{target}.requires" for target in unit["requiredBy"]}
                )
                for name, unit in sorted(machine["units"].items())
                if unit["wantedBy"] or unit["requiredBy"]
            },
            "users": machine["users"],
            "groups": machine["groups"],
            "hosts": machine["hosts"],
            "packages": dict(sorted(self._packages.items())),
            "executable": sorted(self._executable),
            "programs": sorted(programs),
        }

    def _named(self, text: str) -> str:
        """Return a text with its store paths renamed, and see to what they point at."""
        return _STORE_PATH.sub(lambda match: f"/nix/store/{self._name(match[0])}", text)

    def _name(self, path: str) -> str:
        """Return the name below /nix/store that stands for a store path."""
        if path in self._names:
            return self._names[path]
        base = _VERSION.sub("", _HASH.sub("", path))
        name, taken = base, set(self._names.values())
        number = 2
        while name in taken:
            name, number = f"{base}-{number}", number + 1
        self._names[path] = name
        environment = self._made.get(path, {})
        if self._is_text(path):
            target = f"{name}{environment.get('destination', '')}"
            self.rendering.files[f"store/{target}"] = self._named(self._text(path + environment.get("destination", "")))
            if environment.get("executable"):
                self._executable.append(target)
        elif environment == {} and Path(path).is_dir() and base not in FROM_OPT:
            for file in sorted(file for file in Path(path).rglob("*") if file.is_file()):
                self.rendering.files[f"store/{name}/{file.relative_to(path)}"] = file.read_text()
        else:
            self._packages[name] = _VERSION.sub("", environment.get("pname") or environment.get("name") or base)
        return name

    def _is_text(self, path: str) -> bool:
        environment = self._made.get(path)
        if environment is None:
            return Path(path).is_file()
        return "text" in environment or self._link(path) is not None

    def _link(self, path: str) -> str | None:
        """Return what a store path that is made by a link points at."""
        found = _LINK.search(self._made.get(path, {}).get("buildCommand", ""))
        return found[1] if found else None

    def _text(self, path: str) -> str:
        base = "/".join(path.split("/")[:4])
        environment = self._made.get(base)
        if environment is None:
            return Path(path).read_text()
        if "text" in environment and path == base + environment.get("destination", ""):
            return environment["text"]
        link = self._link(base)
        if link is not None and path == base:
            return self._text(link)
        raise UnreadableError(f"{path} is made by a program")
