"""Puts the page together."""

import asyncio
import time
from typing import Any

from pydantic import ValidationError

from ai_stack.service.logs import get_logger
from ai_stack.service.recent_errors import RecentError
from ai_stack.service.timestamps import utc_timestamp
from ai_stack.status_page import certificate
from ai_stack.status_page.backups import read_backups
from ai_stack.status_page.models import Backup, Certificate, FailedRequest, PageLink, ServiceStatus, StatusReport
from ai_stack.status_page.probing import Prober, Unreachable
from ai_stack.status_page.settings import StatusPageSettings, WatchedService
from ai_stack.status_page.watching import Watcher

#: Failures on the page.
SHOWN_ERRORS = 20

#: Shorter is a warning: an internal certificate is renewed 30 days before its end.
FEWEST_DAYS = 14

log = get_logger(__name__)


class Reporter:
    """Answers how the stack is.

    Args:
        settings: what to show.
        prober: to ask with.
        watcher: knows what happened lately.
    """

    def __init__(self, settings: StatusPageSettings, prober: Prober, watcher: Watcher) -> None:
        self._settings = settings
        self._prober = prober
        self._watcher = watcher

    async def report(self, key: str | None) -> StatusReport:
        """Ask everything at once.

        Args:
            key: the reader's own key. What needs one is asked on his behalf, so that this service holds none that opens
                the others.
        """
        settings = self._settings
        now = time.time()
        services, failures, shown, backups = await asyncio.gather(
            asyncio.gather(*(self._service(service) for service in settings.services)),
            asyncio.gather(*(self._failures(service, key) for service in settings.services)),
            self._certificate(now),
            asyncio.to_thread(self._backups),
        )
        errors = sorted((e for found in failures for e in found), key=lambda e: e.timestamp, reverse=True)
        return StatusReport(
            timestamp=utc_timestamp(now),
            healthy=all(service.serves and "open" not in service.breakers.values() for service in services)
            and (shown is None or (shown.trusted and (shown.days_left or 0) >= FEWEST_DAYS))
            and all(backup.succeeded for backup in backups or []),
            services=list(services),
            errors=errors[:SHOWN_ERRORS],
            certificate=shown,
            backups=backups,
            links=[PageLink(title=link.title, href=link.href) for link in settings.links],
        )

    async def _service(self, service: WatchedService) -> ServiceStatus:
        try:
            status, health = await self._prober.json(service.url, "/health")
        except Unreachable as error:
            return ServiceStatus(name=service.name, state="unreachable", serves=False, problem=str(error))
        found = ServiceStatus(
            name=service.name,
            state=str(health.get("status", "unknown")),
            serves=status == 200 and health.get("ready") is True,
            problem=_text(health.get("message")),
            version=_text(health.get("version")),
            uptime_seconds=_number(health.get("uptime_seconds")),
            breakers=_breakers(health.get("circuit_breakers")),
        )
        window = self._watcher.windows[service.name]
        if (measures := window.newest) is not None:
            found.in_flight = measures.in_flight
            found.memory_bytes = measures.memory_bytes
            found.queues = dict(measures.queues)
        if (lately := window.lately()) is not None:
            found.window_seconds = round(lately.seconds, 1)
            found.requests, found.failures = lately.requests, lately.failures
            found.p50_ms, found.p95_ms = _milliseconds(lately.p50), _milliseconds(lately.p95)
        return found

    async def _failures(self, service: WatchedService, key: str | None) -> list[FailedRequest]:
        try:
            status, content = await self._prober.json(service.url, "/errors/recent", key)
        except Unreachable:
            return []  # the service's own line says so
        if status != 200:
            return []
        try:
            errors = [RecentError.model_validate(entry) for entry in content.get("errors", [])]
        except (ValidationError, TypeError):
            log.warning("status_page.strange_errors", watched=service.name)
            return []
        return [FailedRequest(service=service.name, **error.model_dump()) for error in errors]

    async def _certificate(self, now: float) -> Certificate | None:
        if self._settings.gateway is None:
            return None
        return await certificate.look_at(self._settings.gateway, now, self._settings.probe_timeout)

    def _backups(self) -> list[Backup] | None:
        path = self._settings.backup_metrics
        if path is None:
            return None
        try:
            return read_backups(path)
        except (OSError, ValueError) as error:
            log.warning("status_page.no_backups", path=str(path), reason=type(error).__name__)
            return None


def _breakers(content: Any) -> dict[str, str]:
    return {str(name): str(state) for name, state in content.items()} if isinstance(content, dict) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)
