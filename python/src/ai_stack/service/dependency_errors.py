"""What a caller sees when a store or another service fails. The texts name the dependency and nothing else."""

from ai_stack.service.errors import Unavailable


class DependencyError(Unavailable):
    """A dependency did not do its part. Unhandled, it becomes the answer to the client.

    Args:
        dependency: name of the guard.
        problem: what happened, safe for clients.
        retry_after: seconds after which trying again makes sense, for the client; None when unknown.
    """

    def __init__(self, dependency: str, problem: str, *, retry_after: float | None = None) -> None:
        super().__init__(f"{dependency} {problem}", retry_after=retry_after)
        self.dependency = dependency


class DependencyUnavailable(DependencyError):
    """It cannot be reached or answers wrongly."""

    def __init__(self, dependency: str, *, retry_after: float | None = None) -> None:
        super().__init__(dependency, "is unavailable", retry_after=retry_after)


class CircuitOpen(DependencyError):
    """It failed repeatedly and is not called for now."""

    def __init__(self, dependency: str, *, retry_after: float) -> None:
        super().__init__(dependency, "is unavailable (circuit open)", retry_after=retry_after)


class DependencyBusy(DependencyError):
    """This service has too many calls to it in flight already."""

    def __init__(self, dependency: str) -> None:
        super().__init__(dependency, "is busy", retry_after=1.0)


class DependencyTimeout(DependencyError):
    """It did not answer in time, or the caller's deadline ran out."""

    status = 504

    def __init__(self, dependency: str) -> None:
        super().__init__(dependency, "did not answer in time")


class DependencyFailure(Exception):
    """Raised by a guarded function to report a failure that no exception type of its own expresses.

    It never leaves the guard, which turns it into `DependencyUnavailable`.

    Args:
        reason: for the log.
        retryable: False when the same call would fail the same way again.
        retry_after: seconds that the dependency asked to be left alone.
    """

    def __init__(self, reason: str, *, retryable: bool = True, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retryable = retryable
        self.retry_after = retry_after
