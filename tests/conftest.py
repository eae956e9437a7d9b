"""Fixtures are plugins in `support`, one module per subject."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["support.blocking", "support.logs", "support.model", "support.spans", "support.stores"]

# No test depends on how fast or busy the machine is.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

TRIED_TWICE = frozenset({"integration", "nix", "host", "browser"})
"""Layers that start servers. What the machine does to them is no fault of the code, and one of thousands of tests must
not hide the outcome of all others. A second try is named RERUN in the summary with the first failure above it: it is a
fault of the test, to be mended. Unit tests get one try."""

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give tests of layers that start servers a second try."""
    for item in items:
        if item.path.is_relative_to(HERE) and item.path.relative_to(HERE).parts[0] in TRIED_TWICE:
            item.add_marker(pytest.mark.flaky(reruns=1))
