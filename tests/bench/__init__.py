"""Measures services against others of their kind; `scripts/bench` is the command."""
