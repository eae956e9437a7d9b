"""Looks at every service again and again, so that the page can say what happened lately."""

import asyncio
import time

from ai_stack.service.logs import get_logger
from ai_stack.status_page.exposition import read_measures
from ai_stack.status_page.probing import Prober, Unreachable
from ai_stack.status_page.settings import WatchedService
from ai_stack.status_page.window import Window

log = get_logger(__name__)


class Watcher:
    """The windows of all services.

    Args:
        services: to look at.
        prober: to ask with.
        interval: seconds between two looks.
        window: seconds to remember.
    """

    def __init__(self, services: tuple[WatchedService, ...], prober: Prober, *, interval: float, window: float) -> None:
        self._services = services
        self._prober = prober
        self._interval = interval
        self.windows = {service.name: Window(window) for service in services}

    async def watch(self) -> None:
        """Look, and wait, for ever."""
        while True:
            await self.look()
            await asyncio.sleep(self._interval)

    async def look(self) -> None:
        """Look at all services once, at the same time."""
        await asyncio.gather(*(self._look_at(service) for service in self._services))

    async def _look_at(self, service: WatchedService) -> None:
        window = self.windows[service.name]
        try:
            status, text = await self._prober.text(service.url, "/metrics")
            if status != 200:
                raise Unreachable(f"answered {status}")
            window.add(time.monotonic(), read_measures(text))
        except (Unreachable, ValueError) as error:
            window.clear()
            log.debug("status_page.no_measures", watched=service.name, reason=str(error))
