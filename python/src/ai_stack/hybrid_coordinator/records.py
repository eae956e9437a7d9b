"""The learned context: what each Qdrant collection holds.

Payloads are written and read through the same models, so that no reader looks for a field that no writer writes.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from ai_stack.hybrid_coordinator.passages import fingerprint

_NAMESPACE = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")  # RFC 9562 section 6.6: names that are URLs

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=8000)]
Lines = Annotated[tuple[Text, ...], Field(max_length=32)]


class BestPractice(BaseModel):
    """A recommendation: the payload of collection `best-practices`."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    category: Line
    title: Line
    description: Text
    examples: Lines = ()
    anti_patterns: Lines = ()
    references: Lines = ()
    endorsement_count: int = Field(default=0, ge=0)
    last_validated: datetime = Field(default_factory=lambda: datetime.now(UTC))

    def embedded_text(self) -> str:
        """Return the text whose vector stands for this record."""
        return f"{self.title}\n\n{self.description}"

    def passage(self) -> str:
        """Return the text that goes into a prompt."""
        parts = [self.description]
        for name, lines in (
            ("Examples", self.examples),
            ("Avoid", self.anti_patterns),
            ("References", self.references),
        ):
            if lines:
                parts.append("\n".join([f"{name}:", *(f"- {line}" for line in lines)]))
        return "\n\n".join(parts)

    def content_id(self) -> uuid.UUID:
        """Return an id that is equal for equal content: storing the same twice changes nothing.

        Case, punctuation and spacing do not make it a different practice; neither do examples and references.
        """
        return uuid.uuid5(_NAMESPACE, f"best-practices:{fingerprint(self.embedded_text()).hex()}")

    def updating(self, stored: Mapping[str, object]) -> Self:
        """Return this record with what the stack itself has counted on the stored payload."""
        try:
            count = type(self).model_validate(stored).endorsement_count
        except ValidationError:
            return self
        return self.model_copy(update={"endorsement_count": count})


@dataclass(frozen=True, slots=True)
class CollectionSpec:
    """A collection: its name and the model of its payloads."""

    name: str
    record: type[BestPractice]


COLLECTIONS: Mapping[str, CollectionSpec] = {
    spec.name: spec for spec in (CollectionSpec("best-practices", BestPractice),)
}
