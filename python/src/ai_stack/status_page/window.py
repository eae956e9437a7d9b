"""What happened lately: the difference of two looks at a service."""

from collections import deque
from dataclasses import dataclass

from ai_stack.status_page.exposition import Measures, quantile


@dataclass(frozen=True, slots=True)
class Lately:
    """A service over the window.

    Attributes:
        seconds: length of the window, as far as it is known yet.
        requests: answered in it.
        failures: of these, with a status of 500 or more.
        p50: median latency in seconds; None without requests.
        p95: its 95th percentile.
    """

    seconds: float
    requests: int
    failures: int
    p50: float | None
    p95: float | None


class Window:
    """The last looks at one service.

    Args:
        seconds: how far back.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._looks: deque[tuple[float, Measures]] = deque()

    @property
    def newest(self) -> Measures | None:
        """The last look, None when the service could not be asked."""
        return self._looks[-1][1] if self._looks else None

    def add(self, now: float, measures: Measures) -> None:
        """Add a look at monotonic time `now`. Counters that fell mean a restart, and the looks before it go."""
        if self._looks and measures.requests < self._looks[-1][1].requests:
            self._looks.clear()
        self._looks.append((now, measures))
        # The first one outside stays: from it the window begins.
        while len(self._looks) > 2 and self._looks[1][0] <= now - self._seconds:
            self._looks.popleft()

    def clear(self) -> None:
        """The service could not be asked: what it did before says nothing of now."""
        self._looks.clear()

    def lately(self) -> Lately | None:
        """Return the difference between the oldest and the newest look; None before there are two."""
        if len(self._looks) < 2:
            return None
        (since, old), (until, new) = self._looks[0], self._looks[-1]
        latency = {bound: count - old.latency.get(bound, 0.0) for bound, count in new.latency.items()}
        return Lately(
            seconds=until - since,
            requests=round(new.requests - old.requests),
            failures=round(new.failures - old.failures),
            p50=quantile(0.50, latency),
            p95=quantile(0.95, latency),
        )
