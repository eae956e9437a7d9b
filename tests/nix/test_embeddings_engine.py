"""What the choice of an engine changes on a machine."""

import json

import pytest

from ai_stack.embeddings.model import PRECISIONS
from nix.evaluate import Machine, instantiate

EMBEDDINGS = "config.services.ai-stack.services.embeddings"
PACKAGES = "config.services.ai-stack.packages"


def machine(engine: str) -> Machine:
    return Machine(f'{{ services.ai-stack = {{ services.embeddings.enable = true; embeddingEngine = "{engine}"; }}; }}')


@pytest.mark.parametrize("engine", PRECISIONS)
def test_every_engine_of_the_service_can_be_chosen(engine: str) -> None:
    chosen = machine(engine)
    assert chosen.problems() == []
    settings = chosen.get("settings")["embeddings"]
    assert settings["engine"] == engine
    # The file that is made ahead is that of the default.
    assert ("cache_dir" in settings) == (engine == "onnx")


@pytest.mark.parametrize(("engine", "usual"), [("onnx", True), ("int8", True), ("torch", False), ("torch-bf16", False)])
def test_another_package_runs_only_where_pytorch_is_wanted(engine: str, usual: bool) -> None:
    package = f"{EMBEDDINGS}.package.drvPath"
    assert machine(engine).compute(f"{package} == {PACKAGES}.ai-stack.drvPath") == usual


def test_that_package_has_pytorch_and_the_usual_one_has_not() -> None:
    packages = "(import ./pkgs { pkgs = import <nixpkgs> { config = { }; overlays = [ ]; }; }).ai-stack"
    names = "map (each: each.pname or each.name)"
    both = f"[ {packages} ({packages}.override {{ withTorch = true; }}) ]"
    expression = f"map (package: {names} (package.propagatedBuildInputs or package.dependencies)) {both}"
    usual, larger = json.loads(instantiate(expression, "--eval", "--strict", "--json", "--read-write-mode"))
    added = [name for name in larger if name not in usual]
    assert len(added) == 2
    assert added[0].endswith("torch")
    assert added[1].endswith("transformers")
