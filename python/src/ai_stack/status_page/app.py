"""The status-page service."""

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from ai_stack.service.app import Service
from ai_stack.service.client import client_session
from ai_stack.service.runner import run
from ai_stack.status_page import routes
from ai_stack.status_page.keys import ADDRESSES, PAGE, PROBER, REPORTER
from ai_stack.status_page.page import read_page
from ai_stack.status_page.probing import Prober
from ai_stack.status_page.reporting import Reporter
from ai_stack.status_page.settings import StatusPageSettings
from ai_stack.status_page.watching import Watcher


def create_app(settings: StatusPageSettings) -> web.Application:
    """Return the application.

    Raises:
        SettingsError: authentication is required and the key file cannot be used.
    """
    service = Service(name="status-page", metrics_prefix="status_page", settings=settings)
    service.add_routes(routes.ROUTES)

    async def resources(app: web.Application) -> AsyncIterator[None]:
        async with client_session() as session:
            prober = Prober(session, settings.probe_timeout)
            watcher = Watcher(settings.services, prober, interval=settings.sample_interval, window=settings.window)
            app[PROBER] = prober
            app[REPORTER] = Reporter(settings, prober, watcher)
            watching = asyncio.create_task(watcher.watch(), name="status-page-watch")
            yield
            watching.cancel()
            await asyncio.wait([watching])

    service.add_resource(resources)
    app = service.build()
    app[PAGE] = read_page()
    app[ADDRESSES] = {watched.name: watched.url for watched in settings.services}
    return app


def main() -> None:
    """Run the service."""
    run(StatusPageSettings, create_app)
