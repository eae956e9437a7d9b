"""Which model made the stored vectors, and whether the embeddings service still runs it.

Vectors of two models cannot be compared, so both are never mixed: the first model to be used is stored, and as long as
the service names another one, nothing is embedded and no vector is searched.
"""

from dataclasses import dataclass
from typing import Any, Self

from ai_stack.aidb.database import Connection, Database, Row
from ai_stack.aidb.vectors import DIMENSION

#: What an operator does about another model.
CHANGE_HINT = (
    "to change the model, run the old one at embeddings_url and the new one at embeddings_next_url, then:"
    " curl -X POST -H 'X-API-Key: …' http://127.0.0.1:8091/model/change"
)


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """An embedding model.

    Attributes:
        name: as the embeddings service calls it.
        revision: what tells two models of one name apart (a digest of the weights).
        dimension: of its vectors.
    """

    name: str
    revision: str
    dimension: int

    @classmethod
    def from_info(cls, info: Any) -> Self:
        """Read the answer of `GET /info`.

        Raises:
            ValueError: it does not name a model.
        """
        try:
            name, revision, dimension = info["model"], info["revision"], info["dimensions"]
        except (KeyError, TypeError):
            raise ValueError("the answer names no model") from None
        match name, revision, dimension:
            case str(), str(), int():
                return cls(name, revision, dimension)
        raise ValueError("the answer names no model")

    def __str__(self) -> str:
        return f"{self.name} (revision {self.revision[:12]}, dimension {self.dimension})"

    def conflict(self, stored: "ModelIdentity | None") -> str | None:
        """Say why vectors of this model must not be used beside those of the `stored` one; None when they may."""
        if stored is not None and stored != self:
            return f"the embeddings service runs {self}, but the stored vectors were made by {stored}; {CHANGE_HINT}"
        if self.dimension != DIMENSION:
            return f"the embeddings service runs {self}, but the database holds vectors of dimension {DIMENSION}"
        return None


_SELECT = "SELECT name, revision, dimension FROM model_identity"


async def read_identity(database: Database) -> ModelIdentity | None:
    """Return the stored model, None as long as nothing was embedded.

    Raises:
        DependencyError: PostgreSQL failed.
    """
    return _first(await database.fetch(_SELECT))


async def read_identity_in(connection: Connection) -> ModelIdentity | None:
    """Return the stored model, as it is in the transaction that is open."""
    return _first(await connection.fetch(_SELECT))


async def claim_identity(connection: Connection, model: ModelIdentity) -> ModelIdentity:
    """Store `model` if none is stored yet, and return the one that is.

    When two processes are first at the same time, the second one waits for the transaction of the other.
    """
    await connection.fetch(
        "INSERT INTO model_identity (name, revision, dimension) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        (model.name, model.revision, model.dimension),
    )
    stored = _first(await connection.fetch(_SELECT))
    assert stored is not None
    return stored


def _first(rows: list[Row]) -> ModelIdentity | None:
    return ModelIdentity(*rows[0]) if rows else None
