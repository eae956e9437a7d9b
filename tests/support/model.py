"""Fixtures that provide the real embedding model, once per test session."""
