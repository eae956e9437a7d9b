"""The guards of a service, and the names that payloads need to call dependencies through them."""

from collections.abc import Iterator

from ai_stack.service.breaker import CircuitState
from ai_stack.service.deadline import deadline, remaining
from ai_stack.service.dependency_errors import (
    CircuitOpen,
    DependencyBusy,
    DependencyError,
    DependencyFailure,
    DependencyTimeout,
    DependencyUnavailable,
)
from ai_stack.service.guard import Guard, GuardObserver, Policy

__all__ = [
    "CircuitOpen",
    "CircuitState",
    "DependencyBusy",
    "DependencyError",
    "DependencyFailure",
    "DependencyTimeout",
    "DependencyUnavailable",
    "Guard",
    "GuardObserver",
    "GuardRegistry",
    "Policy",
    "deadline",
    "remaining",
]


class GuardRegistry:
    """Every guard of one service, by the name of its dependency."""

    def __init__(self) -> None:
        self._guards: dict[str, Guard] = {}
        self._observers: list[GuardObserver] = []

    def create(self, name: str, policy: Policy) -> Guard:
        """Return a new guard.

        Raises:
            ValueError: the name is taken. Two guards of one dependency would each see half of its failures.
        """
        if name in self._guards:
            raise ValueError(f"there is a guard named {name} already")
        guard = Guard(name, policy, observers=self._observers)
        self._guards[name] = guard
        for observer in self._observers:
            observer.state_changed(name, guard.state)
        return guard

    def observe(self, observer: GuardObserver) -> None:
        """Report to `observer` from now on, on guards that exist and on those created later."""
        self._observers.append(observer)
        for guard in self:
            observer.state_changed(guard.name, guard.state)

    def snapshot(self) -> dict[str, str]:
        """Return the state of each circuit: `closed`, `half_open` or `open`."""
        return {name: guard.state.name.lower() for name, guard in self._guards.items()}

    def __iter__(self) -> Iterator[Guard]:
        return iter(tuple(self._guards.values()))
