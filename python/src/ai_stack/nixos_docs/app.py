"""The nixos-docs service."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

from ai_stack.nixos_docs.library import Library
from ai_stack.nixos_docs.opening import IndexInfo
from ai_stack.nixos_docs.pool import IndexPool
from ai_stack.nixos_docs.routes import LIBRARY, ROUTES, SEARCH_SECONDS
from ai_stack.nixos_docs.settings import NixosDocsSettings
from ai_stack.service.app import Service
from ai_stack.service.health import Dependency, Health
from ai_stack.service.runner import run

_SEARCH_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


def create_app(settings: NixosDocsSettings) -> web.Application:
    """Return the application.

    Raises:
        SettingsError: authentication is required and the key file cannot be used.
    """
    service = Service(name="nixos-docs", metrics_prefix="nixos_docs", settings=settings, healthy_word="healthy")
    service.add_routes(ROUTES)

    def open_pool(info: IndexInfo) -> IndexPool:
        return IndexPool(
            info, threads=settings.search_threads, queue=settings.search_queue, timeout=settings.search_timeout
        )

    library = Library(settings.index, settings.sources if settings.builds else None, open_pool)
    _observe(service, library)

    async def index(_app: web.Application) -> AsyncIterator[None]:
        loading = asyncio.create_task(_load(library, service.health), name="index-load")
        yield
        loading.cancel()
        await asyncio.wait([loading])
        await library.aclose()

    service.add_resource(index)
    # The index may take a while to build. Probes, and the operator, are answered meanwhile.
    service.health.hold_ready()
    app = service.build()
    app[LIBRARY] = library
    app[SEARCH_SECONDS] = service.metrics.histogram(
        "nixos_docs_search_seconds", "Time that searches took, waiting for a thread included", _SEARCH_BUCKETS
    )
    return app


async def _load(library: Library, health: Health) -> None:
    try:
        await library.load()
    except Exception:  # the library has logged it
        # Not the end of the process: `POST /sync` mends this once the cause is gone, and `/health` says it meanwhile.
        health.set_not_ready("there is no usable index; the log says why")
    else:
        health.mark_ready()


def _observe(service: Service, library: Library) -> None:
    """Make the index visible in health and metrics."""
    sections = service.metrics.gauge("nixos_docs_index_sections", "Sections in the index in use")
    built = service.metrics.gauge(
        "nixos_docs_index_built_timestamp_seconds", "Unix time at which the index in use was built, if known"
    )

    def refresh() -> None:
        info = library.info
        sections.set({}, info.sections if info else 0)
        if info and info.built_at:
            built.set({}, info.built_at.timestamp())

    def detail() -> dict[str, Any]:
        info = library.info
        return {
            "index": {
                "loaded": info is not None,
                "sections": info.sections if info else 0,
                "built_at": info.built_at.isoformat() if info and info.built_at else None,
            }
        }

    async def probe() -> None:
        await library.pool().run(lambda reader, _expired: reader.probe())

    service.metrics.on_scrape(refresh)
    service.health.add_detail(detail)
    service.health.add_dependency(Dependency(name="index", check=probe, critical=True))


def main() -> None:
    """Run the service."""
    run(NixosDocsSettings, create_app)
