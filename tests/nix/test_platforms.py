"""Both platforms: what is not packaged for one of them does not stop a machine."""

import pytest

from nix.evaluate import EvaluationError, Machine

BODY = '{ services.ai-stack = { enable = true; domain = "ai.example.org"; %s }; }'


def arm(more: str = "") -> Machine:
    return Machine(BODY % more, system="aarch64-linux")


@pytest.mark.parametrize("system", ["x86_64-linux", "aarch64-linux"])
def test_a_machine_with_nothing_but_the_defaults_can_be_made(system: str) -> None:
    machine = Machine(BODY % "", system=system)
    assert machine.get("problems") == {"failed": [], "warnings": []}
    assert machine.get("toplevel").endswith(".drv")


def test_traces_are_kept_by_what_there_is_a_package_of() -> None:
    assert "ai-stack-jaeger.service" in Machine(BODY % "").units()
    assert "tempo.service" in arm().units()


def test_a_backend_without_a_package_stops_evaluation_with_the_alternatives() -> None:
    with pytest.raises(EvaluationError, match="or use the backend"):
        arm('tracing.backend = "jaeger";').units()
