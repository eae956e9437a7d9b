"""Whose vectors a collection holds. Vectors of two models must never be compared."""

from pydantic import ValidationError

from ai_stack.hybrid_coordinator.embedder import ModelIdentity
from ai_stack.hybrid_coordinator.vector_store import StoredCollection
from ai_stack.service.errors import Conflict, Unavailable
from ai_stack.service.settings import SettingsError


class ModelMismatch(Conflict):
    """The vectors of a collection are another model's than the one that is running."""

    def __init__(self, collection: str, stored: str, running: ModelIdentity) -> None:
        super().__init__(
            f"collection {collection} holds vectors of {stored}, but the embeddings service runs {running}; "
            "run that model again, or set on_model_change to reembed"
        )


class StoredVectorsOfAnotherModel(SettingsError):
    """As `ModelMismatch`, found at start."""


class NotPrepared(Unavailable):
    """The collections are not there yet: the model's identity or the store is still unknown."""

    def __init__(self) -> None:
        super().__init__("the collections are not available yet", retry_after=1.0)


def identity_of(stored: StoredCollection) -> ModelIdentity | None:
    """Return the model that made the vectors of a collection, None when that is unknown."""
    try:
        identity = ModelIdentity.model_validate(stored.metadata)
    except ValidationError:
        return None
    return identity if identity.dimensions == stored.dimension else None


def check_identity(collection: str, stored: StoredCollection | None, running: ModelIdentity) -> None:
    """Raise unless the collection holds vectors of the model that is running.

    Raises:
        ModelMismatch
    """
    identity = None if stored is None else identity_of(stored)
    if identity != running:
        raise ModelMismatch(collection, "an unknown model" if identity is None else str(identity), running)
