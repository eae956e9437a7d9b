"""An upgrade that needs a step by hand stops evaluation with the steps, until the machine is said to have done them."""

import tomllib

import pytest

from nix.evaluate import REPOSITORY, EvaluationError, Machine, instantiate

MIGRATIONS = """migrations = [
  { version = "0.4"; change = "Vectors have 768 dimensions"; steps = [ "Stop the stack." "Embed anew." ]; }
  { version = "0.2"; change = "The cache has moved"; steps = [ "Remove /var/cache/ai-stack." ]; }
  { version = "0.3"; condition = false; change = "Not for this machine"; steps = [ "Nothing." ]; }
];"""


def machine(body: str) -> Machine:
    return Machine("{ pkgs, ... }: { services.ai-stack = { enable = true; " + body + " }; }", framework=True)


def test_a_machine_of_this_release_is_asked_for_nothing() -> None:
    assert machine("").problems() == []


def test_steps_come_in_the_order_of_the_releases_and_end_with_the_new_version() -> None:
    first, second = machine(MIGRATIONS).problems()
    what, step, end = first.splitlines()
    assert what == "services.ai-stack: The cache has moved (release 0.2; the state here is of 0.1). Do this:"
    assert step == "  1. Remove /var/cache/ai-stack."
    assert end.startswith('Then set services.ai-stack.stateVersion = "0.2". On a machine that was set up with 0.2')
    assert "Vectors have 768 dimensions" in second
    assert "  2. Embed anew." in second


@pytest.mark.parametrize(("condition", "asked"), [("true", 1), ("false", 0)])
def test_a_step_is_asked_for_where_its_condition_holds(condition: str, asked: int) -> None:
    given = f'migrations = [ {{ version = "0.2"; condition = {condition}; change = "X"; steps = [ "Y." ]; }} ];'
    assert len(machine(given).problems()) == asked


def test_a_step_that_is_done_is_not_asked_for_again() -> None:
    done = 'migrations = [ { version = "0.1"; change = "X"; steps = [ "Y." ]; } ]; stateVersion = "0.1";'
    assert machine(done).problems() == []


def test_the_state_of_a_newer_release_is_not_touched() -> None:
    (problem,) = machine('stateVersion = "9.0";').problems()
    assert "Use release 9.0 or newer" in problem


def test_the_release_is_that_of_the_distribution() -> None:
    project = tomllib.loads((REPOSITORY / "python" / "pyproject.toml").read_text())["project"]
    major, minor, *_ = project["version"].split(".")
    assert machine("").get("config.services.ai-stack.release") == f"{major}.{minor}"


def test_a_version_is_two_numbers() -> None:
    with pytest.raises(EvaluationError):
        machine('stateVersion = "0.1.0";').problems()


def test_a_renamed_option_still_works_and_says_its_new_name() -> None:
    renamed = """let
      lib = import <nixpkgs/lib>;
      old = import ./modules/renamed-options.nix {
        inherit lib;
        renamed = [ { from = [ "old" ]; to = [ "new" "name" ]; } ];
      };
      machine = {
        options.services.ai-stack.new.name = lib.mkOption { type = lib.types.int; };
        options.warnings = lib.mkOption { type = lib.types.listOf lib.types.str; };
        config.services.ai-stack.old = 3;
      };
      evaluated = lib.evalModules { modules = [ machine ] ++ old; };
    in "${toString evaluated.config.services.ai-stack.new.name} ${toString evaluated.config.warnings}" """
    answer = instantiate(renamed, "--eval", "--strict")
    assert answer.startswith('"3 ')
    assert "services.ai-stack.new.name" in answer
