"""What this process has done since it started."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(slots=True)
class Statistics:
    """Counters of answered questions. Failed requests are not in them; the request metrics have those."""

    total_queries: int = 0
    context_hits: int = 0
    degraded_queries: int = 0
    last_query_at: datetime | None = None
    agent_types: Counter[str] = field(default_factory=Counter)

    def record(self, *, agent_type: str, context_found: bool, degraded: bool, at: datetime) -> None:
        """Count an answer."""
        self.total_queries += 1
        self.context_hits += context_found
        self.degraded_queries += degraded
        self.last_query_at = at
        self.agent_types[agent_type] += 1

    @property
    def context_hit_rate(self) -> float:
        """Share of the answers that held context, 0 to 1."""
        return self.context_hits / self.total_queries if self.total_queries else 0.0
