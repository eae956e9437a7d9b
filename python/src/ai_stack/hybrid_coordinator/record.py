"""What all records of learned context have in common.

Payloads are written and read through the same models, so that no reader looks for a field that no writer writes.
"""

import uuid
from abc import abstractmethod
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, ClassVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from ai_stack.hybrid_coordinator.passages import fingerprint
from ai_stack.hybrid_coordinator.usage import Vote

_NAMESPACE = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")  # RFC 9562 section 6.6: names that are URLs

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=8000)]
Lines = Annotated[tuple[Text, ...], Field(max_length=32)]


def now() -> datetime:
    """Return the time of day."""
    return datetime.now(UTC)


class Record(BaseModel):
    """A payload. `votes` and `learned_from` (value scores, 0 to 1) are by the id of the interaction.

    `given` says that somebody stored it on purpose; others came from interactions alone.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    collection: ClassVar[str]

    created_at: AwareDatetime = Field(default_factory=now)
    updated_at: AwareDatetime = Field(default_factory=now)
    votes: dict[str, Vote] = {}
    learned_from: dict[str, float] = {}
    given: bool = False

    @property
    @abstractmethod
    def heading(self) -> str:
        """One line that names this record."""

    @abstractmethod
    def embedded_text(self) -> str:
        """Return the text whose vector stands for this record."""

    @abstractmethod
    def passage(self) -> str:
        """Return the text that goes into a prompt."""

    def identifying_text(self) -> str:
        """Return the text that makes two records the same one."""
        return self.embedded_text()

    def content_id(self) -> uuid.UUID:
        """Return an id that is equal for equal content: storing the same twice changes nothing.

        Case, punctuation and spacing do not make it a different record.
        """
        return uuid.uuid5(_NAMESPACE, f"{self.collection}:{fingerprint(self.identifying_text()).hex()}")

    @property
    def value(self) -> float:
        """Mean value score of the interactions it was learned from, 0 to 1; 0 for a record that was given."""
        return sum(self.learned_from.values()) / len(self.learned_from) if self.learned_from else 0.0


def paragraphs(*parts: str | None) -> str:
    """Join the parts that there are."""
    return "\n\n".join(part for part in parts if part)


def bullets(name: str, lines: Iterable[str]) -> str | None:
    """Return a titled list, None for an empty one."""
    shown = [f"- {line}" for line in lines]
    return "\n".join([f"{name}:", *shown]) if shown else None
