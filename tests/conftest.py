"""Fixtures are plugins in `support`, one module per subject."""

pytest_plugins = ["support.stores", "support.model"]
