"""Fixtures are plugins in `support`, one module per subject."""

pytest_plugins = ["support.logs", "support.stores", "support.model"]
