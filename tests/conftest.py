"""Fixtures are plugins in `support`, one module per subject."""

from hypothesis import HealthCheck, settings

pytest_plugins = ["support.blocking", "support.logs", "support.model", "support.spans", "support.stores"]

# No test depends on how fast or busy the machine is.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")
