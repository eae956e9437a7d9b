"""The collections of learned context and their records."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from ai_stack.hybrid_coordinator.passages import clean_line
from ai_stack.hybrid_coordinator.record import Line, Lines, Record, Text, bullets, now, paragraphs

Outcome = Literal["success", "partial", "failure"]
HEADING_LIMIT = 120
LongText = Annotated[str, StringConstraints(min_length=1, max_length=32_000)]


class CodebaseContext(Record):
    """A piece of code that answers questions: collection `codebase-context`."""

    collection: ClassVar[str] = "codebase-context"

    file_path: Line
    code_snippet: Text
    language: Line
    purpose: Text
    framework: Line | None = None

    @property
    def heading(self) -> str:
        return self.file_path

    def embedded_text(self) -> str:
        return f"{self.purpose}\n\n{self.code_snippet}"

    def identifying_text(self) -> str:
        return f"{self.file_path}\n\n{self.code_snippet}"

    def passage(self) -> str:
        return paragraphs(f"{self.purpose} ({self.file_path}, {self.language})", self.code_snippet)


class SkillPattern(Record):
    """A way of doing something that worked: collection `skills-patterns`."""

    collection: ClassVar[str] = "skills-patterns"

    skill_name: Line
    description: Text
    usage_pattern: Text
    success_examples: Lines = ()
    failure_examples: Lines = ()
    prerequisites: Lines = ()
    related_skills: Lines = ()

    @property
    def heading(self) -> str:
        return self.skill_name

    def embedded_text(self) -> str:
        return f"{self.skill_name}\n\n{self.description}"

    def passage(self) -> str:
        return paragraphs(
            self.description if self.description != self.skill_name else None,
            self.usage_pattern,
            bullets("Needs", self.prerequisites),
            bullets("Worked for", self.success_examples),
            bullets("Did not work for", self.failure_examples),
            bullets("See also", self.related_skills),
        )


class ErrorSolution(Record):
    """An error and what helped: collection `error-solutions`."""

    collection: ClassVar[str] = "error-solutions"

    error_message: Text
    error_type: Line
    solution: Text
    context: Text | None = None
    solution_verified: bool = False

    @property
    def heading(self) -> str:
        return clean_line(self.error_message, HEADING_LIMIT)

    def embedded_text(self) -> str:
        return paragraphs(self.error_message, self.context)

    def identifying_text(self) -> str:
        return f"{self.error_message}\n\n{self.solution}"

    def passage(self) -> str:
        verified = "verified" if self.solution_verified else "not verified"
        return paragraphs(f"Error: {self.error_message}", self.context, f"Solution ({verified}): {self.solution}")


class BestPractice(Record):
    """A recommendation: collection `best-practices`."""

    collection: ClassVar[str] = "best-practices"

    category: Line
    title: Line
    description: Text
    examples: Lines = ()
    anti_patterns: Lines = ()
    references: Lines = ()

    @property
    def heading(self) -> str:
        return self.title

    def embedded_text(self) -> str:
        return f"{self.title}\n\n{self.description}"

    def passage(self) -> str:
        return paragraphs(
            self.description,
            bullets("Examples", self.examples),
            bullets("Avoid", self.anti_patterns),
            bullets("References", self.references),
        )


class Interaction(Record):
    """A question that was answered, and how well: collection `interaction-history`.

    `revision` changes with every report of the outcome; `pending` says that this revision has not been learned from;
    `learned_as` names the record that it taught, as collection/id; `owner` the API key
    that stored it, nobody's when empty.
    """

    collection: ClassVar[str] = "interaction-history"

    id: uuid.UUID
    owner: str = ""
    query: Annotated[str, StringConstraints(min_length=1, max_length=10_000)]
    response: LongText
    agent_type: Literal["local", "remote"]
    model_used: Line | None = None
    context_provided: Annotated[tuple[str, ...], Field(max_length=64)] = ()
    tokens_used: Annotated[int, Field(ge=0)] | None = None
    latency_ms: Annotated[float, Field(ge=0)] | None = None
    timestamp: AwareDatetime = Field(default_factory=now)
    outcome: Outcome | None = None
    user_feedback: float | None = Field(default=None, ge=-1, le=1)
    value_score: float | None = Field(default=None, ge=0, le=1)
    revision: str
    pending: bool = True
    learned_as: str | None = None

    @property
    def heading(self) -> str:
        return clean_line(self.query, HEADING_LIMIT)

    def embedded_text(self) -> str:
        return self.query

    def passage(self) -> str:
        return paragraphs(f"Asked: {self.query}", f"Answered: {self.response}")

    def content_id(self) -> uuid.UUID:
        """An interaction is an event: two equal ones are two."""
        return self.id


@dataclass(frozen=True, slots=True)
class CollectionSpec:
    """A collection: its name, the model of its payloads, and the payload fields that are filtered by."""

    name: str
    record: type[Record]
    indexes: Mapping[str, Literal["keyword", "datetime", "bool", "float"]]


_BY_AGE: Mapping[str, Literal["datetime"]] = {"updated_at": "datetime"}

COLLECTIONS: Mapping[str, CollectionSpec] = {
    spec.name: spec
    for spec in (
        CollectionSpec("codebase-context", CodebaseContext, {**_BY_AGE, "language": "keyword"}),
        CollectionSpec("skills-patterns", SkillPattern, _BY_AGE),
        CollectionSpec("error-solutions", ErrorSolution, {**_BY_AGE, "error_type": "keyword"}),
        CollectionSpec("best-practices", BestPractice, {**_BY_AGE, "category": "keyword"}),
        CollectionSpec(
            "interaction-history",
            Interaction,
            {
                "timestamp": "datetime",
                "outcome": "keyword",
                "agent_type": "keyword",
                "value_score": "float",
                "pending": "bool",
                "revision": "keyword",
            },
        ),
    )
}
#: The collections that anybody may add to; interactions have routes of their own.
OPEN_COLLECTIONS: tuple[str, ...] = tuple(name for name in COLLECTIONS if name != Interaction.collection)
