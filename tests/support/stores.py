"""Fixtures that start the real stores, once per test session."""
