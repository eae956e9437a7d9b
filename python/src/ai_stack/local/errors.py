"""The error that the embedded stack reports to its user."""


class LocalError(Exception):
    """Something the user can act on; the message is one readable line and names the remedy."""
