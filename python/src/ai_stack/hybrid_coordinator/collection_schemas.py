"""Requests and answers of the routes of collections."""

from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from ai_stack.hybrid_coordinator.record import Line, Lines, Text
from ai_stack.hybrid_coordinator.schemas import Question
from ai_stack.service.endpoint import RequestModel

CollectionName = Literal[
    "codebase-context", "skills-patterns", "error-solutions", "best-practices", "interaction-history"
]


class NewCodebaseContext(RequestModel):
    """A piece of code to store."""

    file_path: Line
    code_snippet: Text
    language: Line
    purpose: Text = Field(description="What the code does, in words that a question would use.")
    framework: Line | None = None


class NewSkillPattern(RequestModel):
    """A way of doing something to store."""

    skill_name: Line
    description: Text
    usage_pattern: Text
    success_examples: Lines = ()
    failure_examples: Lines = ()
    prerequisites: Lines = ()
    related_skills: Lines = ()


class NewErrorSolution(RequestModel):
    """An error and its solution to store."""

    error_message: Text
    error_type: Line
    solution: Text
    context: Text | None = None
    solution_verified: bool = False


class NewBestPractice(RequestModel):
    """A recommendation to store."""

    category: Line
    title: Line
    description: Text
    examples: Lines = ()
    anti_patterns: Lines = ()
    references: Lines = ()


class StoredItem(BaseModel):
    """What became of an item."""

    id: UUID
    collection: str
    status: Literal["created", "updated"]


class CollectionInfo(BaseModel):
    """A collection."""

    name: str
    items: int


class CollectionList(BaseModel):
    """All collections."""

    collections: list[CollectionInfo]
    total: int


class SearchRequest(RequestModel):
    """A search in the learned context."""

    query: Question
    collections: list[CollectionName] | None = Field(
        default=None, min_length=1, max_length=5, description="Which to search; null for all that the API key may read."
    )
    limit: int = Field(default=5, ge=1, le=50, description="The most results of each collection.")
    min_similarity: float | None = Field(
        default=None, ge=-1, le=1, description="Cosine similarity; null for each collection's configured threshold."
    )


class SearchResult(BaseModel):
    """A record that was found."""

    id: str
    collection: str
    title: str
    text: str
    similarity: float = Field(description="Cosine similarity to the query.")
    score: float = Field(description="The similarity, moved by how useful the record has been.")
    usefulness: float = Field(description="Share of good outcomes, 0 to 1; 0.5 without any, older ones weigh less.")
    uses: float = Field(description="Number of interactions that used it; older ones weigh less.")


class SearchResponse(BaseModel):
    """What was found, the best first."""

    query: str
    results: list[SearchResult]
    total: int
    collections_searched: list[str]
