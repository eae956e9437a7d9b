"""The nixos-docs service."""

import asyncio
from collections.abc import AsyncIterator

from aiohttp import ClientSession, web

from ai_stack.nixos_docs import catalogue_routes, observing, routes
from ai_stack.nixos_docs.answering import Answers
from ai_stack.nixos_docs.answers import AnswerCache
from ai_stack.nixos_docs.keys import ANSWER_CACHE, ANSWERS, LIBRARY, SEMANTIC
from ai_stack.nixos_docs.library import Library
from ai_stack.nixos_docs.opening import IndexInfo
from ai_stack.nixos_docs.pool import IndexPool
from ai_stack.nixos_docs.semantic.embedder import Embedder
from ai_stack.nixos_docs.semantic.keeper import VectorKeeper
from ai_stack.nixos_docs.semantic.state import SemanticState
from ai_stack.nixos_docs.settings import NixosDocsSettings
from ai_stack.nixos_docs.tools import INSTRUCTIONS, TOOLS
from ai_stack.service.app import Service
from ai_stack.service.client import ServiceClient, client_session
from ai_stack.service.guard import Guard
from ai_stack.service.health import Dependency, Health
from ai_stack.service.mcp import McpServer
from ai_stack.service.resilience import Policy
from ai_stack.service.runner import run

EMBEDDINGS = "embeddings"


def create_app(settings: NixosDocsSettings) -> web.Application:
    """Return the application.

    Raises:
        SettingsError: authentication is required and the key file cannot be used.
    """
    service = Service(name="nixos-docs", metrics_prefix="nixos_docs", settings=settings, healthy_word="healthy")
    service.add_routes(routes.ROUTES)
    service.add_routes(catalogue_routes.ROUTES)
    service.add_routes(McpServer(service.name, service.version, TOOLS, INSTRUCTIONS).ROUTES)
    wiring = _Wiring(service, settings)
    service.add_resource(wiring.resources)
    # The index may take a while to build. Probes, and the operator, are answered meanwhile.
    service.health.hold_ready()
    app = service.build()
    app[LIBRARY] = wiring.library
    app[ANSWER_CACHE] = wiring.cache
    app[SEMANTIC] = wiring.semantic
    return app


class _Wiring:
    """Connects the parts, once for each run of the application."""

    def __init__(self, service: Service, settings: NixosDocsSettings) -> None:
        self._service = service
        self._settings = settings
        self._guard = _guard(service, settings)
        self._metrics = observing.searches(service)
        self.cache = AnswerCache(settings.answer_cache_bytes)
        self.library = Library(
            settings.index, settings.inputs if settings.builds else None, self._open_pool, exchanged=self._exchanged
        )
        self.semantic = SemanticState(self.library)
        observing.index(service, self.library)
        observing.semantic(service, self.semantic, self.cache)

    async def resources(self, app: web.Application) -> AsyncIterator[None]:
        async with client_session() as session:
            tasks = [asyncio.create_task(_load(self.library, self._service.health), name="index-load")]
            embedder = None
            if self._guard is not None:
                embedder = self._embedder(session, self._guard)
                keeper = VectorKeeper(
                    lambda: self.library.current,
                    embedder,
                    self._settings.vectors_directory,
                    batch_timeout=self._settings.embeddings_batch_timeout,
                )
                self.semantic.start(embedder, keeper)
                tasks.append(asyncio.create_task(keeper.keep(), name="vectors-keep"))
            app[ANSWERS] = Answers(
                self.library,
                embedder,
                self.cache,
                seconds=self._metrics.seconds,
                degraded=self._metrics.degraded,
                quick=self._metrics.quick,
                model_changed=self.semantic.wake,
            )
            yield
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await self.library.aclose()

    def _embedder(self, session: ClientSession, guard: Guard) -> Embedder:
        settings = self._settings
        client = ServiceClient(
            name=EMBEDDINGS,
            base_url=settings.embeddings_url or "",
            session=session,
            guard=guard,
            api_key=settings.upstream_api_key,
        )
        embedder = Embedder(client, cache_size=settings.query_vector_cache_size, timeout=settings.embeddings_timeout)
        self._service.health.add_dependency(Dependency(name=EMBEDDINGS, check=embedder.refresh, critical=False))
        return embedder

    def _exchanged(self) -> None:
        self.semantic.wake()

    def _open_pool(self, info: IndexInfo) -> IndexPool:
        settings = self._settings
        return IndexPool(
            info, threads=settings.search_threads, queue=settings.search_queue, timeout=settings.search_timeout
        )


def _guard(service: Service, settings: NixosDocsSettings) -> Guard | None:
    if settings.embeddings_url is None:
        return None
    policy = Policy(
        timeout=settings.embeddings_batch_timeout,
        attempts=2,
        backoff_initial=0.02,
        backoff_max=0.1,
        failure_threshold=5,
        reset_timeout=3.0,
    )
    return service.guards.create(EMBEDDINGS, policy)


async def _load(library: Library, health: Health) -> None:
    try:
        await library.load()
    except Exception:  # the library has logged it
        # Not the end of the process: `POST /sync` mends this once the cause is gone, and `/health` says it meanwhile.
        health.set_not_ready("there is no usable index; the log says why")
    else:
        health.mark_ready()


def main() -> None:
    """Run the service."""
    run(NixosDocsSettings, create_app)
