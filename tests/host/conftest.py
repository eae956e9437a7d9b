"""Says once what the machines are made of."""

import pytest

from host.root import missing
from host.substitutions import describe


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.section("what differs from NixOS on the machines of tests/host")
    terminalreporter.write_line(describe())


@pytest.fixture(scope="session", autouse=True)
def _possible_here() -> None:
    reason = missing()
    if reason is not None:
        pytest.fail(f"machines cannot be made here: {reason}")
