"""The embeddings service as an application."""

from collections.abc import AsyncIterator
from typing import NoReturn

from aiohttp import web

from ai_stack.embeddings.loader import ModelLoader
from ai_stack.embeddings.metrics import EmbeddingsMetrics
from ai_stack.embeddings.routes import MODEL, ROUTES, SETTINGS
from ai_stack.embeddings.settings import EmbeddingsSettings
from ai_stack.embeddings.torch_engine import computes_bfloat16
from ai_stack.service.app import Service
from ai_stack.service.runner import run
from ai_stack.service.settings import SettingsError


def create_app(settings: EmbeddingsSettings) -> web.Application:
    """Return the application. The model loads when it starts.

    Raises:
        SettingsError: the settings cannot be used, on this machine at least.
    """
    if settings.engine == "torch-bf16" and not computes_bfloat16():
        raise SettingsError(
            "engine: torch-bf16 needs instructions for bfloat16, which this processor has not; use torch"
        )
    service = Service(name="embeddings", metrics_prefix="embeddings", settings=settings, healthy_word="ok")
    loader = ModelLoader(settings, service.health, EmbeddingsMetrics(service.metrics))
    service.metrics.on_scrape(loader.report_gauges)
    service.add_routes(ROUTES)
    service.add_resource(_model)
    app = service.build()
    app[MODEL] = loader
    app[SETTINGS] = settings
    return app


async def _model(app: web.Application) -> AsyncIterator[None]:
    app[MODEL].start()
    yield
    await app[MODEL].close()


def main() -> NoReturn:
    """Run the service; see `ai_stack.service.runner.run` for its options."""
    run(EmbeddingsSettings, create_app)
