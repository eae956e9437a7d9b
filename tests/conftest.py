"""Fixtures are plugins in `support`, one module per subject."""

pytest_plugins = ["support.blocking", "support.logs", "support.model", "support.spans", "support.stores"]
