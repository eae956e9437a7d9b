"""Fixtures are plugins in `support`, one module per subject."""

pytest_plugins = ["support.logs", "support.blocking", "support.model", "support.stores"]
