"""What can keep aidb from starting or from using vectors."""

from ai_stack.service.errors import Unavailable
from ai_stack.service.settings import SettingsError


class SchemaError(SettingsError):
    """The database's schema cannot be used or made by this version. The message is one line for the operator."""


class ModelMismatch(Unavailable):
    """The embeddings service runs another model than the one that made the stored vectors."""


class StoredVectorsOfAnotherModel(SettingsError):
    """As `ModelMismatch`, found at start."""
