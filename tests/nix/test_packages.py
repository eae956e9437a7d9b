"""The packages: each evaluates on both systems, and what its build would run is run here as far as it needs no Nix."""

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from ai_stack.embeddings.export import onnx_path
from ai_stack.embeddings.model import read_model
from ai_stack.nixos_docs.build import main as build_index
from ai_stack.nixos_docs.publications import publication
from nix.evaluate import HERE, REPOSITORY, TIMEOUT, instantiate, nixpkgs
from support.tiny_bert import write_model

SYSTEMS = ("x86_64-linux", "aarch64-linux")
PACKAGES = REPOSITORY / "pkgs"
REQUIREMENTS = [
    Requirement(text)
    for text in tomllib.loads((REPOSITORY / "python" / "pyproject.toml").read_text())["project"]["dependencies"]
]
#: Versions in nixpkgs 26.11-pre of August 2026, read in its package files.
NIXPKGS_VERSIONS: dict[str, str] = json.loads((HERE / "nixpkgs_python.json").read_text())
#: What the registry calls otherwise.
RENAMED = {"psycopg2-binary": "psycopg2"}
OWN = {"aiopg", "aioprometheus"}


def packages(system: str = "x86_64-linux") -> str:
    return f'(import ./pkgs {{ pkgs = import <nixpkgs> {{ system = "{system}"; config = {{ }}; overlays = [ ]; }}; }})'


def evaluate(expression: str, *arguments: str) -> Any:
    return json.loads(instantiate(expression, "--eval", "--strict", "--json", "--read-write-mode", *arguments))


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_package_evaluates_without_a_warning_and_without_building_anything(system: str) -> None:
    nixpkgs()
    result = subprocess.run(
        [
            *("nix-instantiate", "--eval", "--strict", "--json", "--option", "allow-import-from-derivation", "false"),
            *("--expr", f"builtins.mapAttrs (_: p: p.drvPath) {packages(system)}"),
        ],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        cwd=REPOSITORY,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    expected = {"ai-stack", *(f"ai-stack-{name}" for name in ("model", "model-onnx", "docs-sources", "docs-index"))}
    if system == "x86_64-linux":
        expected.add("ai-stack-jaeger")
    assert json.loads(result.stdout).keys() == expected


def test_every_package_says_what_it_is_and_under_which_licence() -> None:
    described = evaluate(f"builtins.mapAttrs (_: p: {{ inherit (p.meta) description license; }}) {packages()}")
    for name, meta in described.items():
        assert meta["description"], name
        assert not meta["description"].endswith("."), name
        assert meta["license"], name


def test_the_overlay_gives_the_same_packages() -> None:
    overlaid = "import <nixpkgs> { config = { }; overlays = [ (import ./pkgs/overlay.nix) ]; }"
    derivations = "builtins.mapAttrs (_: p: p.drvPath)"
    expected = evaluate(f"{derivations} {packages()}")
    assert evaluate(f"{derivations} {{ inherit ({overlaid}) {' '.join(expected)}; }}") == expected


def test_every_hash_is_a_whole_sha256_and_none_stands_in_for_another() -> None:
    hashes = [
        found
        for path in PACKAGES.rglob("*.nix")
        for found in re.findall(r'"sha256-([A-Za-z0-9+/=]*)"', path.read_text("utf-8"))
    ]
    assert len(hashes) == len(set(hashes)) > 0
    for text in hashes:
        digest = base64.b64decode(text, validate=True)
        assert len(digest) == hashlib.sha256().digest_size
        assert digest.strip(b"\0")


def test_the_model_is_the_one_that_the_tests_use(model_dir: Path) -> None:
    text = (PACKAGES / "model" / "package.nix").read_text()
    files = dict(re.findall(r'"([\w./]+)" = "sha256-([^"]+)"', text))
    assert {"model.safetensors", "tokenizer.json", "config.json", "modules.json"} <= files.keys()
    for name, expected in files.items():
        digest = hashlib.sha256((model_dir / name).read_bytes()).digest()
        assert base64.b64encode(digest).decode() == expected, name


def test_the_package_depends_on_what_the_project_declares_and_on_nothing_else() -> None:
    names = evaluate(f"map (p: p.pname) {packages()}.ai-stack.dependencies")
    found = {re.sub(r"^python[\d.]+-", "", name) for name in names}
    declared = {RENAMED.get(requirement.name, requirement.name) for requirement in REQUIREMENTS}
    assert found - {"hiredis"} == declared


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda requirement: requirement.name)
def test_the_version_in_nixpkgs_is_recent_enough(requirement: Requirement) -> None:
    name = RENAMED.get(requirement.name, requirement.name)
    if name in OWN:
        text = (PACKAGES / f"python-{name}" / "package.nix").read_text()
        found = re.search(r'version = "([\d.]+)"', text)
        assert found
        version = found[1]
    else:
        version = NIXPKGS_VERSIONS[name]
    assert requirement.specifier.contains(version)


def test_the_tests_of_the_build_pass_on_the_files_that_the_build_sees(tmp_path: Path) -> None:
    package = evaluate(
        f"{{ inherit ({packages()}.ai-stack) preCheck pytestFlags disabledTests enabledTestPaths;"
        f' source = "${{{packages()}.ai-stack.src}}"; }}'
    )
    source = shutil.copytree(package["source"], tmp_path / "source")
    deselected = " and ".join(f"not {name}" for name in package["disabledTests"])
    pytest_ = [sys.executable, "-m", "pytest", "-q", "-x", *package["pytestFlags"], "-k", deselected]
    result = subprocess.run(
        ["bash", "-euc", f'{package["preCheck"]}\nexec "$@"', "bash", *pytest_, *package["enabledTestPaths"]],
        cwd=source / "python",
        env={"PATH": os.environ["PATH"], "HOME": "/homeless", "PYTHONPATH": str(source / "python" / "src")},
        capture_output=True,
        text=True,
        timeout=5 * TIMEOUT,
        check=False,
    )
    assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-2000:]


def test_the_onnx_file_is_made_ahead_where_the_service_looks_for_it(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model")
    target = tmp_path / "onnx"
    script = PACKAGES / "model-onnx" / "export.py"
    subprocess.run([sys.executable, str(script), str(model), "tiny", str(target)], check=True, timeout=TIMEOUT)
    assert list(target.iterdir()) == [onnx_path(read_model(model, "tiny"), target)]


def write(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(f"# {path}\n\nText.\n")


def test_the_documentation_is_taken_from_where_its_authors_keep_it(tmp_path: Path) -> None:
    write(tmp_path / "nixpkgs", "doc/a.md", "doc/a.nix", "nixos/doc/manual/b.md", "nixos/modules/services/c.md")
    write(tmp_path / "nixpkgs", "nixos/modules/services/c.nix", "pkgs/d/README.md", "nixos/README.md")
    write(tmp_path / "nix.dev", "source/e.md", "README.md")
    write(tmp_path / "nix", "doc/manual/source/f.md", "src/nix/g.md", "src/nix/g.cc", "src/libstore/h.md", "README.md")
    write(tmp_path / "nix-pills", "pills/i.md")
    write(tmp_path / "home-manager", "docs/manual/j.md", "docs/release-notes/k.md")
    command = evaluate(
        f"({packages()}.ai-stack-docs-sources.override {{"
        f' path = {tmp_path}/nixpkgs; fetchFromGitHub = source: "{tmp_path}/${{source.repo}}"; }}).buildCommand'
    )
    out = tmp_path / "out"
    subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        env={"PATH": os.environ["PATH"], "out": str(out)},
        check=True,
        timeout=TIMEOUT,
    )
    assert {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()} == {
        "home-manager/manual/j.md",
        "home-manager/release-notes/k.md",
        "nix-manual/f.md",
        "nix-manual/src/libstore/h.md",
        "nix-manual/src/nix/g.md",
        "nix-pills/pills/i.md",
        "nix.dev/e.md",
        "nixos-manual/b.md",
        "nixos-modules/services/c.md",
        "nixpkgs-manual/a.md",
    }
    unpublished = {path.name for path in out.iterdir() if not publication(path.name, None).web_url}
    assert unpublished <= {"nixpkgs-manual"}
    assert build_index(["--docs", str(out), "--output", str(tmp_path)]) == 0
