"""The last failures of a service, so that an operator finds the id to look for in the log."""

from collections import deque

from pydantic import BaseModel, Field

#: How many are kept: enough for a page, and bounded.
KEPT = 50


class RecentError(BaseModel):
    """A request that was answered with 500 or more."""

    error_id: str = Field(description="Under which the log has more.")
    request_id: str
    timestamp: str = Field(description="ISO 8601, UTC.")
    status: int
    method: str
    route: str = Field(description="Template of the route.")
    error: str = Field(description="What the client was told.")


class RecentErrors:
    """The newest failures of this process.

    Args:
        kept: how many.
    """

    def __init__(self, kept: int = KEPT) -> None:
        self._errors: deque[RecentError] = deque(maxlen=kept)

    def add(self, error: RecentError) -> None:
        """Keep `error`; the oldest goes when there are too many."""
        self._errors.append(error)

    def newest_first(self) -> list[RecentError]:
        """Return what is kept."""
        return list(reversed(self._errors))
