"""Health of a service, as data: liveness, readiness, start-up, summary.

*Live* means that the event loop turns. *Ready* means that the service can serve now: its resources are up, it is not
draining, nothing in it says otherwise, and every critical dependency passed its check. *Started* means that start-up
has ended, and stays true. Answers are pairs of HTTP status and body; the routes add `Cache-Control: no-store`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Literal

from ai_stack.service.errors import ServiceError
from ai_stack.service.logs import get_logger
from ai_stack.service.resilience import GuardRegistry
from ai_stack.service.timestamps import utc_timestamp

Answer = tuple[int, dict[str, Any]]
Status = Literal["healthy", "degraded", "unhealthy"]

OK = HTTPStatus.OK.value
UNAVAILABLE = HTTPStatus.SERVICE_UNAVAILABLE.value

log = get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Dependency:
    """Something that a service needs.

    Attributes:
        name: shown in the answer.
        check: makes one cheap request to it; raising means that it is not usable. Must be cancellable.
        critical: without it the service is not ready; otherwise only degraded.
        timeout: seconds that the check may take.
    """

    name: str
    check: Callable[[], Awaitable[object]]
    critical: bool = True
    timeout: float = 3.0


@dataclass(frozen=True, slots=True)
class _Outcome:
    dependency: Dependency
    seconds: float
    reason: str | None

    def describe(self) -> dict[str, Any]:
        body: dict[str, Any] = {
            "status": "unhealthy" if self.reason else "healthy",
            "critical": self.dependency.critical,
            "duration_ms": _milliseconds(self.seconds),
        }
        if self.reason:
            body["error"] = self.reason
        return body


class Health:
    """What a service knows of its own health.

    Args:
        service: name of the service.
        version: its version.
        healthy_word: `status` of the summary when all is well.
        clock: monotonic time in seconds.
        wall_clock: Unix time in seconds.
    """

    def __init__(
        self,
        service: str,
        version: str,
        healthy_word: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._service = service
        self._version = version
        self._healthy_word = healthy_word
        self._clock = clock
        self._wall_clock = wall_clock
        self._born = clock()
        self._dependencies: dict[str, Dependency] = {}
        self._details: list[Callable[[], dict[str, Any]]] = []
        self._failing_details: set[Callable[[], dict[str, Any]]] = set()
        self._guards: GuardRegistry | None = None
        self._held = False
        self._resources_up = False
        self._draining = False
        self._obstacle: str | None = None
        self._started = asyncio.Event()
        self._probe: asyncio.Task[list[_Outcome]] | None = None
        self._unusable: set[str] = set()

    def add_dependency(self, dependency: Dependency) -> None:
        """Check `dependency` at each readiness probe.

        Raises:
            ValueError: there is one of this name.
        """
        if dependency.name in self._dependencies:
            raise ValueError(f"there is a dependency named {dependency.name} already")
        self._dependencies[dependency.name] = dependency

    def add_detail(self, fn: Callable[[], dict[str, Any]]) -> None:
        """Merge what `fn` returns into the summary; its `status` replaces the usual one. It must not wait."""
        self._details.append(fn)

    def watch_guards(self, guards: GuardRegistry) -> None:
        """Show the circuits of `guards` in the summary."""
        self._guards = guards

    def hold_ready(self) -> None:
        """Do not count start-up as ended when the resources are up, but when `mark_ready` is called."""
        self._held = True

    def mark_ready(self) -> None:
        """The service can serve, as far as it depends on itself. Ends `hold_ready` and `set_not_ready`."""
        self._held = False
        self._obstacle = None
        self._settle()

    def set_not_ready(self, reason: str) -> None:
        """The service cannot serve until `mark_ready`. `reason` is shown to whoever probes it."""
        self._obstacle = reason

    def resources_up(self) -> None:
        """All resources of the application are set up."""
        self._resources_up = True
        self._settle()

    def drain(self) -> None:
        """The service is about to stop: from now on it is not ready."""
        self._draining = True

    @property
    def can_serve(self) -> bool:
        """Whether nothing of the service's own keeps it from serving; its dependencies are not asked."""
        return self._own_obstacle() is None

    @property
    def draining(self) -> bool:
        """Whether the service is about to stop."""
        return self._draining

    async def wait_started(self) -> None:
        """Return when start-up has ended."""
        await self._started.wait()

    def _settle(self) -> None:
        if self._resources_up and not self._held:
            self._started.set()

    def _own_obstacle(self) -> tuple[str, str] | None:
        """Return a word and a sentence on why the service cannot serve whatever its dependencies say, or None."""
        if self._draining:
            return "draining", "the service is shutting down"
        if self._obstacle is not None:
            return "not_ready", self._obstacle
        if not self._started.is_set():
            return "starting", "start-up has not ended"
        return None

    def live(self) -> Answer:
        """Liveness: that this runs at all is the proof."""
        return OK, self._report("liveness", "healthy", "the event loop is running", self._clock())

    def startup(self) -> Answer:
        """Start-up: 503 until it has ended, 200 ever after."""
        begun = self._clock()
        if self._started.is_set():
            return OK, self._report("startup", "healthy", "start-up has ended", begun)
        return UNAVAILABLE, self._report("startup", "unhealthy", self._obstacle or "start-up has not ended", begun)

    async def ready(self) -> Answer:
        """Readiness: check every dependency. Probes that come while a check runs share its result."""
        begun = self._clock()
        if (obstacle := self._own_obstacle()) is not None:
            return UNAVAILABLE, self._report("readiness", "unhealthy", obstacle[1], begun)
        if self._probe is None:
            self._probe = asyncio.create_task(self._check_all(), name="health-probe")
            self._probe.add_done_callback(self._probe_done)
        # Shielded: the prober that began it may leave while others wait.
        outcomes = await asyncio.shield(self._probe)
        if (obstacle := self._own_obstacle()) is not None:
            return UNAVAILABLE, self._report("readiness", "unhealthy", obstacle[1], begun)
        failed = [outcome.dependency for outcome in outcomes if outcome.reason]
        critical = [dependency.name for dependency in failed if dependency.critical]
        details = {outcome.dependency.name: outcome.describe() for outcome in outcomes}
        if critical:
            message = f"critical dependencies failed: {', '.join(critical)}"
            return UNAVAILABLE, self._report("readiness", "unhealthy", message, begun, details)
        if failed:
            message = f"optional dependencies failed: {', '.join(dependency.name for dependency in failed)}"
            return OK, self._report("readiness", "degraded", message, begun, details)
        return OK, self._report("readiness", "healthy", "all dependencies passed", begun, details)

    def summary(self) -> Answer:
        """What the service knows without asking anybody; 503 while it cannot serve for a reason of its own."""
        obstacle = self._own_obstacle()
        body: dict[str, Any] = {
            "status": obstacle[0] if obstacle else self._healthy_word,
            "service": self._service,
            "version": self._version,
            "ready": obstacle is None,
            "uptime_seconds": round(self._clock() - self._born, 3),
            "circuit_breakers": self._guards.snapshot() if self._guards is not None else {},
        }
        if obstacle:
            body["message"] = obstacle[1]
        for fn in self._details:
            body.update(self._read_detail(fn))
        return (UNAVAILABLE if obstacle else OK), body

    def _read_detail(self, fn: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        try:
            detail = fn()
        except Exception:
            if fn not in self._failing_details:
                self._failing_details.add(fn)
                log.exception("health.detail_failed", callback=getattr(fn, "__qualname__", repr(fn)))
            return {}
        self._failing_details.discard(fn)
        return detail

    def _report(
        self, check_type: str, status: Status, message: str, begun: float, details: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        return {
            "status": status,
            "check_type": check_type,
            "message": message,
            "details": details or {},
            "timestamp": utc_timestamp(self._wall_clock()),
            "duration_ms": _milliseconds(self._clock() - begun),
        }

    async def _check_all(self) -> list[_Outcome]:
        return await asyncio.gather(*(self._check(dependency) for dependency in self._dependencies.values()))

    def _probe_done(self, _probe: asyncio.Task[list[_Outcome]]) -> None:
        self._probe = None

    async def _check(self, dependency: Dependency) -> _Outcome:
        begun = self._clock()
        reason: str | None = None
        error: BaseException | None = None
        try:
            async with asyncio.timeout(dependency.timeout):
                await dependency.check()
        except asyncio.CancelledError as raised:
            # Drivers raise this, too, when their connection goes away under a waiting call.
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            error = raised
            reason = "connection"
        except Exception as raised:
            error = raised
            reason = _reason(raised)
        seconds = self._clock() - begun
        # Only changes are logged: probes come every few seconds, from anybody.
        if reason and dependency.name not in self._unusable:
            self._unusable.add(dependency.name)
            log.warning("health.dependency_failed", dependency=dependency.name, reason=reason, exc_info=error)
        elif not reason and dependency.name in self._unusable:
            self._unusable.discard(dependency.name)
            log.info("health.dependency_recovered", dependency=dependency.name)
        return _Outcome(dependency, seconds, reason)


def _reason(error: Exception) -> str:
    """Classify a failed check. Its text is not for strangers, who may probe."""
    if isinstance(error, TimeoutError) or (
        isinstance(error, ServiceError) and error.status == HTTPStatus.GATEWAY_TIMEOUT
    ):
        return "timeout"
    if isinstance(error, OSError):
        return "connection"
    if isinstance(error, ServiceError) and error.status == HTTPStatus.SERVICE_UNAVAILABLE:
        return "unavailable"
    return "error"


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)
