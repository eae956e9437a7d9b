"""Which documents a search is about: a condition on `documents d`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg2.extras import Json

APPROVED = ("approved",)


@dataclass(frozen=True, slots=True)
class Filters:
    """All of these hold for a document that is searched; None stands for any.

    Attributes:
        project: the name of its project.
        path_prefix: how its path begins.
        content_types: it has one of them.
        metadata: its metadata contain these, as `@>` of PostgreSQL's jsonb has it.
        statuses: it has one of them.
        updated_since: it was last changed then or later.
        updated_until: it was last changed before.
    """

    project: str | None = None
    path_prefix: str | None = None
    content_types: tuple[str, ...] | None = None
    metadata: dict[str, Any] | None = None
    statuses: tuple[str, ...] = APPROVED
    updated_since: datetime | None = None
    updated_until: datetime | None = None

    @property
    def selective(self) -> bool:
        """Whether more is asked than what nearly every document fulfils."""
        return self != Filters()

    def condition(self) -> str:
        """Return SQL with the names of `parameters` in it."""
        parts = ["d.status = ANY(%(statuses)s)"]
        if self.project is not None:
            parts.append("d.project = %(project)s")
        if self.path_prefix is not None:
            parts.append("d.path LIKE %(path_pattern)s")
        if self.content_types is not None:
            parts.append("d.content_type = ANY(%(content_types)s)")
        if self.metadata:
            parts.append("d.metadata @> %(metadata)s")
        if self.updated_since is not None:
            parts.append("d.updated_at >= %(updated_since)s")
        if self.updated_until is not None:
            parts.append("d.updated_at < %(updated_until)s")
        return " AND ".join(parts)

    def parameters(self) -> dict[str, Any]:
        """Return the values."""
        return {
            "project": self.project,
            "path_pattern": None if self.path_prefix is None else f"{_literally(self.path_prefix)}%",
            "content_types": None if self.content_types is None else list(self.content_types),
            "metadata": Json(self.metadata) if self.metadata else None,
            "statuses": list(self.statuses),
            "updated_since": self.updated_since,
            "updated_until": self.updated_until,
        }


def _literally(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
