"""Rate limits per client and class of routes.

The algorithm is the generic cell rate algorithm in its virtual scheduling form (ITU-T Recommendation I.371, annex A):
one number per client, the theoretical arrival time (TAT) of its next request. Times are whole nanoseconds, since sums
of floating point intervals would drift.
"""

import heapq
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Limit:
    """How often one client may call.

    Attributes:
        rate_per_minute: requests per minute in the long run.
        burst: requests that may arrive at once after a pause.

    Raises:
        ValueError: a number that is not positive.
    """

    rate_per_minute: float
    burst: int

    def __post_init__(self) -> None:
        if self.rate_per_minute <= 0 or self.burst < 1:
            raise ValueError("rate_per_minute must be positive and burst at least 1")


class _Table:
    """The clients of one class.

    A client whose TAT has passed is no different from one never seen, so only such entries are dropped: dropping any
    other, as a least-recently-used cache does, would hand out a full burst anew, to an abuser among many others. When
    all entries are in use, clients not in the table share one further bucket: somebody who presents countless names
    can slow down newcomers, but neither gets more than one client's worth nor touches those already known.
    """

    def __init__(self, limit: Limit, max_keys: int) -> None:
        # Rounded up: never more than the rate.
        self._interval = -int(-60 * _SECOND // limit.rate_per_minute)
        self._tolerance = (limit.burst - 1) * self._interval
        self._max_keys = max_keys
        self._arrival: dict[str, int] = {}
        # One (TAT when queued, key) per entry. TATs only grow, so the head is a lower bound of the earliest.
        self._queue: list[tuple[int, str]] = []
        self._shared = 0

    def __len__(self) -> int:
        return len(self._arrival)

    def check(self, key: str, now: int) -> int | None:
        known = self._arrival.get(key)
        if known is None and not self._make_room(now):
            self._shared, wait = self._next(self._shared, now)
            return wait
        arrival, wait = self._next(now if known is None else known, now)
        if known is None:
            heapq.heappush(self._queue, (arrival, key))
        self._arrival[key] = arrival
        return wait

    def _next(self, arrival: int, now: int) -> tuple[int, int | None]:
        early = arrival - self._tolerance - now
        if early > 0:
            return arrival, early
        return max(arrival, now) + self._interval, None

    def _make_room(self, now: int) -> bool:
        """Drop entries that say nothing any more while the table is full; False when there are none."""
        while len(self._arrival) >= self._max_keys:
            queued, key = self._queue[0]
            if queued > now:
                return False
            arrival = self._arrival[key]
            if arrival > queued:
                heapq.heapreplace(self._queue, (arrival, key))
            else:
                heapq.heappop(self._queue)
                del self._arrival[key]
        return True


class RateLimiter:
    """Admits or refuses requests. Belongs to one event loop; instances of a service count apart from each other.

    Args:
        limits: the limit of each class of routes; a class that is missing has none.
        max_keys: clients remembered per class.
        clock: monotonic time in nanoseconds.

    Raises:
        ValueError: `max_keys` is less than 1.
    """

    def __init__(
        self,
        limits: Mapping[str, Limit],
        *,
        max_keys: int = 10_000,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        if max_keys < 1:
            raise ValueError("max_keys must be at least 1")
        self._clock = clock
        self._tables = {name: _Table(limit, max_keys) for name, limit in limits.items()}

    def check(self, key: str, rate_class: str) -> float | None:
        """Count one request.

        Args:
            key: the client, for instance the name of its API key; bounded in length by the caller.
            rate_class: class of the route.

        Returns:
            None when the request is admitted; otherwise the seconds after which one would be.
        """
        table = self._tables.get(rate_class)
        if table is None:
            return None
        wait = table.check(key, self._clock())
        return None if wait is None else wait / _SECOND

    def __len__(self) -> int:
        """Number of clients remembered, over all classes."""
        return sum(len(table) for table in self._tables.values())
