"""Small sources of documentation, options and packages, and indexes over them."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from ai_stack.nixos_docs.builder import build_index
from ai_stack.nixos_docs.catalogue import Catalogue, load_catalogue
from ai_stack.nixos_docs.inputs import Inputs
from ai_stack.nixos_docs.reader import IndexReader
from ai_stack.nixos_docs.sources import sources_below

Files = Mapping[str, str]

DOCUMENTS: Files = {
    "manual/firewall.md": (
        "# Firewall {#sec-firewall}\n\nNixOS blocks incoming connections.\n\n"
        "## Opening ports\n\nSet `networking.firewall.allowedTCPPorts` to open a port.\n\n"
        "## Turning it off\n\nSet `networking.firewall.enable = false`.\n"
    ),
    "manual/garbage.rst": (
        ".. _sec-gc:\n\nCleaning the store\n------------------\n\nRun the garbage collector to remove old packages.\n"
    ),
    "manual/collect.md": "# Collecting\n\nThe garbage collector frees disk space in the store.\n",
    "pills/13-callpackage.md": "# The callPackage pattern\n\nUse callPackage to pass arguments to a package.\n",
    "pills/overrides.md": "# Overrides\n\nOverride a package with its arguments.\n",
}


@pytest.fixture
def write_docs(tmp_path: Path) -> Callable[[Files], Path]:
    """Write files below a directory named `docs` and return it."""

    def write(files: Files) -> Path:
        root = tmp_path / "docs"
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return root

    return write


@pytest.fixture
def docs(write_docs: Callable[[Files], Path]) -> Path:
    """The directory with `DOCUMENTS`."""
    return write_docs(DOCUMENTS)


@pytest.fixture
def index(docs: Path, tmp_path: Path) -> Path:
    """An index over `DOCUMENTS`."""
    path = tmp_path / "index.sqlite"
    build_index(Inputs(sources_below(docs)), path)
    return path


OPTIONS: Mapping[str, Mapping[str, object]] = {
    "boot.kernel.sysctl": {"type": "open submodule of attribute set of (string)", "description": "Kernel parameters."},
    "boot.kernel.sysctl.kernel": {"type": "string", "description": "Known."},
    "containers.<name>.config": {"type": "Toplevel NixOS config", "description": "A system within."},
    "environment.checks": {"type": "boolean", "description": "Alias of {option}`module.check`."},
    "environment.etc": {"type": "attribute set of (submodule)", "description": "Files in /etc."},
    "environment.etc.<name>.text": {"type": 'null or strings concatenated with "\\n"', "description": "Text."},
    "environment.variables": {"type": "attribute set of string", "description": "Global environment variables."},
    "module.check": {"type": "boolean", "description": "Whether to check option definitions."},
    "networking.firewall.allowedTCPPorts": {
        "type": "list of 16 bit unsigned integer",
        "default": "[ ]",
        "example": "[ 22 80 ]",
        "description": "List of TCP ports on which incoming connections are accepted.",
        "declarations": ["nixos/modules/services/networking/firewall.nix"],
    },
    "networking.firewall.allowedUDPPorts": {"type": "list of 16 bit unsigned integer", "description": "UDP ports."},
    "networking.firewall.enable": {"type": "boolean", "description": "Whether to enable the firewall."},
    "networking.hostName": {
        "type": "string",
        "description": "The name of the machine.\n\nMore about names.",
        "readOnly": True,
        "declarations": ["/srv/own.nix"],
    },
    "services.forum.host": {"type": "string", "description": "Host.", "default": "config.networking.hostName"},
    "services.nginx.enable": {"type": "boolean", "description": "Whether to enable Nginx Web Server."},
    "services.nginx.virtualHosts": {"type": "attribute set of (submodule)", "description": "Virtual hosts."},
    "services.nginx.virtualHosts.<name>.forceSSL": {"type": "boolean", "description": "Redirect plain HTTP."},
    "services.nginx.virtualHosts.<name>.locations.<name>.proxyPass": {
        "type": "null or string",
        "description": "Proxy.",
    },
    "services.openssh.settings": {"type": "submodule", "description": "Configuration for sshd."},
    "services.openssh.settings.PasswordAuthentication": {"type": "boolean", "description": "Passwords."},
    "swapDevices": {"type": "list of (submodule)", "description": "The swap devices."},
    "swapDevices.*.size": {"type": "null or signed integer", "description": "Size of a swap file in megabytes."},
    "system.nixos.release": {"type": "string", "default": '"25.05"', "description": "The NixOS release."},
    "time.timeZone": {"type": "null or string", "description": "The time zone used when displaying times and dates."},
}

MODULES: Files = {
    "rename.nix": """{ lib, ... }: with lib; {
      imports = [
        (mkRenamedOptionModule [ "services" "sshd" "passwords" ] [ "services" "openssh" "passwordAuthentication" ])
        (mkRenamedOptionModule [ "services" "openssh" "passwordAuthentication" ]
          [ "services" "openssh" "settings" "PasswordAuthentication" ])
        (mkRenamedOptionModule [ "services" "web" ] [ "services" "nginx" ])
        (mkRenamedOptionModule [ "services" "loop" ] [ "services" "pool" ])
        (mkRenamedOptionModule [ "services" "pool" ] [ "services" "loop" ])
        (mkRemovedOptionModule [ "services" "gone" "enable" ] "It is gone; use nginx.")
        (mkRenamedOptionModule [ "enableSSL" ] [ "onlySSL" ])
      ];
    }"""
}

PACKAGES: Mapping[str, Mapping[str, object]] = {
    "nixpkgs.ripgrep": {
        "name": "ripgrep-14.1.0",
        "pname": "ripgrep",
        "version": "14.1.0",
        "meta": {
            "description": "Utility that combines the usability of The Silver Searcher with the speed of grep",
            "homepage": ["https://example.org/ripgrep", "https://example.org/other"],
            "license": [{"spdxId": "Unlicense"}, {"fullName": "MIT License"}],
            "mainProgram": "rg",
        },
    },
    "legacyPackages.x86_64-linux.ripgrep-all": {"pname": "ripgrep-all", "version": "1.0", "description": "More grep"},
    "nixos.haskellPackages.ripgrep": {"name": "ripgrep-0.1", "meta": {"license": {"shortName": "bsd3"}}},
    "hello": {"name": "hello-2.12.1", "meta": {"description": "Program that greets", "license": "GPL"}},
}


@pytest.fixture
def inputs(docs: Path, tmp_path: Path) -> Inputs:
    """`DOCUMENTS`, `OPTIONS`, `PACKAGES` and `MODULES` as files."""
    modules = tmp_path / "modules"
    modules.mkdir()
    for name, text in MODULES.items():
        (modules / name).write_text(text)
    (tmp_path / "options.json").write_text(json.dumps(OPTIONS))
    (tmp_path / "packages.json").write_text(json.dumps(PACKAGES))
    return Inputs(sources_below(docs), tmp_path / "options.json", tmp_path / "packages.json", [modules])


@pytest.fixture
def full_index(inputs: Inputs, tmp_path: Path) -> Path:
    """An index over `inputs`."""
    path = tmp_path / "full.sqlite"
    build_index(inputs, path)
    return path


@pytest.fixture
def catalogue(full_index: Path) -> Catalogue:
    """The catalogue of `full_index`."""
    return load_catalogue(full_index)


@pytest.fixture
def full_reader(full_index: Path, catalogue: Catalogue) -> Iterator[IndexReader]:
    """A reader of `full_index`."""
    reader = IndexReader(full_index, catalogue)
    yield reader
    reader.close()
