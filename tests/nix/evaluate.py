"""Evaluates NixOS configurations for the tests of the modules."""

import functools
import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
MODULES = REPOSITORY / "modules"

#: What `machine` of eval.nix holds.
SUMMARY = frozenset({"units", "firewall", "users", "settings"})

#: Seconds that one evaluation may take.
TIMEOUT = 60


class EvaluationError(Exception):
    """Nix refused the configuration. The message is what it printed."""


def require(program: str, package: str) -> str:
    """Return the path of a program, or fail the test with the package that brings it."""
    found = shutil.which(program)
    if found is None:
        pytest.fail(f"{program} is not on PATH; install {package} (Debian) or run the tests in `nix develop`")
    return found


@functools.cache
def nixpkgs() -> str:
    """Return where `<nixpkgs>` lies, or fail the test with the remedy."""
    program = require("nix-instantiate", "nix-bin")
    result = subprocess.run(
        [program, "--find-file", "nixpkgs"], capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    if result.returncode:
        pytest.fail("`<nixpkgs>` is not found; add a channel named nixpkgs or set NIX_PATH=nixpkgs=DIRECTORY")
    return result.stdout.strip()


def instantiate(expression: str, *arguments: str) -> str:
    """Run nix-instantiate on an expression and return what it prints.

    Raises:
        EvaluationError: the expression does not evaluate.
    """
    nixpkgs()
    result = subprocess.run(
        ["nix-instantiate", *arguments, "--expr", expression],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        cwd=REPOSITORY,
        check=False,
    )
    if result.returncode:
        raise EvaluationError(result.stderr)
    return result.stdout


@dataclass(frozen=True)
class Machine:
    """A NixOS configuration.

    Attributes:
        module: a NixOS module, as Nix text.
        framework: whether the services that come along are left out.
        system: the platform, by Nix's name.
    """

    module: str
    framework: bool = False
    system: str = "x86_64-linux"

    def get(self, what: str) -> Any:
        """Return an attribute of eval.nix, or anything below it, as Python data."""
        if what in SUMMARY:
            return _get(self, "machine")[what]
        return _get(self, what)

    def compute(self, expression: str) -> Any:
        """Return the value of a Nix expression over `config` as Python data."""
        config = _expression(self, "config")
        return json.loads(instantiate(f"let config = {config}; in {expression}", "--eval", "--strict", "--json"))

    def derivation(self, what: str) -> Path:
        """Return the .drv file of a derivation below an attribute of eval.nix, written with all that it needs."""
        return Path(instantiate(_expression(self, what)).strip().split("!")[0])

    def build(self, what: str) -> Path:
        """Return the store path of a derivation below an attribute of eval.nix, built.

        Raises:
            EvaluationError: it cannot be evaluated or built.
        """
        return _build(self, what)

    def problems(self) -> list[str]:
        """Return the messages of the assertions that fail."""
        failed: list[str] = self.get("problems.failed")
        return failed

    def units(self) -> dict[str, str]:
        """Return the text of every unit that has to do with the stack, by name."""
        units: dict[str, str] = self.get("units")
        return units

    def unit(self, name: str) -> "Unit":
        """Return one unit.

        Raises:
            KeyError: there is none of that name.
        """
        return Unit.parse(self.units()[name])


def _expression(machine: Machine, what: str) -> str:
    flag = "true" if machine.framework else "false"
    arguments = f'framework = {flag}; system = "{machine.system}"; module = ({machine.module});'
    return f"(import ./tests/nix/eval.nix {{ {arguments} }}).{what}"


@functools.cache
def _get(machine: Machine, what: str) -> Any:
    return json.loads(instantiate(_expression(machine, what), "--eval", "--strict", "--json"))


@functools.cache
def _build(machine: Machine, what: str) -> Path:
    derivation = str(machine.derivation(what))
    result = subprocess.run(
        # The stand-in's builders use the programs of the machine.
        ["nix-store", "--option", "sandbox", "false", "--realise", derivation],
        capture_output=True,
        text=True,
        timeout=10 * TIMEOUT,
        check=False,
    )
    if result.returncode:
        raise EvaluationError(result.stderr)
    return Path(result.stdout.split()[0])


@dataclass(frozen=True)
class Unit:
    """A systemd unit: values by section and key, in order (systemd.syntax(7))."""

    sections: dict[str, dict[str, list[str]]]

    @classmethod
    def parse(cls, text: str) -> "Unit":
        """Read the text of a unit."""
        sections: dict[str, dict[str, list[str]]] = {}
        section: dict[str, list[str]] = {}
        for line in text.splitlines():
            if line.startswith("["):
                section = sections.setdefault(line.strip("[]"), {})
            elif line and not line.startswith("#"):
                key, _, value = line.partition("=")
                section.setdefault(key, []).append(value)
        return cls(sections)

    def values(self, key: str, section: str = "Service") -> list[str]:
        """Return every value of a key, split at spaces."""
        return [word for value in self.sections.get(section, {}).get(key, []) for word in value.split()]

    def value(self, key: str, section: str = "Service") -> str:
        """Return the one value of a key.

        Raises:
            KeyError: it is not set.
            ValueError: it is set more than once.
        """
        (value,) = self.sections[section][key]
        return value
