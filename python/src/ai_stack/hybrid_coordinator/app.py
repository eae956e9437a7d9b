"""The application of hybrid-coordinator."""

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import ClientSession, web
from pydantic import SecretStr
from redis.asyncio import Redis

from ai_stack.hybrid_coordinator import probes
from ai_stack.hybrid_coordinator.augment import Augmenter
from ai_stack.hybrid_coordinator.background import background
from ai_stack.hybrid_coordinator.chat import Chat
from ai_stack.hybrid_coordinator.conversation import Conversation
from ai_stack.hybrid_coordinator.embedder import Embedder
from ai_stack.hybrid_coordinator.garbage import GarbageCollector
from ai_stack.hybrid_coordinator.interactions import Interactions
from ai_stack.hybrid_coordinator.keys import (
    AIDB_CLIENT,
    AUGMENTER,
    CHAT,
    COLLECTIONS,
    CONVERSATION,
    COUNTER,
    DOCS_CLIENT,
    EMBEDDER,
    GARBAGE,
    INTERACTIONS,
    SESSIONS,
    SETTINGS,
    STATISTICS,
)
from ai_stack.hybrid_coordinator.learned import Collections, ModelMismatch, StoredVectorsOfAnotherModel
from ai_stack.hybrid_coordinator.learner import Learner
from ai_stack.hybrid_coordinator.llm import Llm, endpoint_of
from ai_stack.hybrid_coordinator.llm import create_guard as create_llm_guard
from ai_stack.hybrid_coordinator.preparation import Preparation
from ai_stack.hybrid_coordinator.prompt import PromptBuilder
from ai_stack.hybrid_coordinator.records import COLLECTIONS as SPECS
from ai_stack.hybrid_coordinator.reembedding import Reembedding
from ai_stack.hybrid_coordinator.relevance import Relevance
from ai_stack.hybrid_coordinator.retrieval import EMBEDDINGS, QDRANT, Retrieval
from ai_stack.hybrid_coordinator.routes import ROUTES
from ai_stack.hybrid_coordinator.routing import DecisionTelemetry, Route
from ai_stack.hybrid_coordinator.sessions import REDIS, Sessions, create_guard
from ai_stack.hybrid_coordinator.settings import HybridSettings, LlmSettings
from ai_stack.hybrid_coordinator.sources import AIDB, NIXOS_DOCS, AidbSource, NixosDocsSource
from ai_stack.hybrid_coordinator.statistics import Statistics
from ai_stack.hybrid_coordinator.tokens import EstimatedTokens, TokenCounter, TokenizerTokens
from ai_stack.hybrid_coordinator.tools import INSTRUCTIONS, TOOLS
from ai_stack.hybrid_coordinator.vector_store import CollectionMissing, VectorStore, VectorStoreError
from ai_stack.service.app import Service
from ai_stack.service.client import ServiceClient, client_session
from ai_stack.service.guard import Guard
from ai_stack.service.health import Dependency
from ai_stack.service.mcp import McpServer
from ai_stack.service.resilience import GuardRegistry, Policy, deadline
from ai_stack.service.runner import run
from ai_stack.service.settings import SettingsError

# What is not there by then is waited for in the background.
STARTUP_SECONDS = 3.0


def create_app(settings: HybridSettings) -> web.Application:
    """Return the application.

    Raises:
        SettingsError: the tokenizer file or the API key file cannot be used.
    """
    service = Service(name="hybrid-coordinator", metrics_prefix="hybrid", settings=settings)
    service.add_routes(ROUTES)
    service.add_routes(McpServer(service.name, service.version, TOOLS, INSTRUCTIONS).ROUTES)
    service.health.add_detail(lambda: {"collections": list(SPECS)})
    wiring = _Wiring(service, settings, _counter(settings))
    service.add_resource(wiring.resources)
    app = service.build()
    app[SETTINGS] = settings
    app[COUNTER] = wiring.counter
    app[STATISTICS] = wiring.statistics
    return app


def main() -> None:
    """Run the service."""
    run(HybridSettings, create_app)


class _Wiring:
    """Connects the parts, once for each run of the application."""

    def __init__(self, service: Service, settings: HybridSettings, counter: TokenCounter) -> None:
        self._service = service
        self._settings = settings
        self.counter = counter
        self._guards = _guards(service.guards, settings)
        self._llms = _llms(settings)
        self._llm_guards = {
            route: create_llm_guard(route, llm, service.guards) for route, (llm, _) in self._llms.items()
        }
        self._redis_guard = create_guard(service.guards) if settings.redis_url is not None else None
        self.statistics = Statistics()

    async def resources(self, app: web.Application) -> AsyncIterator[None]:
        async with client_session() as session, contextlib.AsyncExitStack() as stack:
            store = await self._open_store()
            stack.push_async_callback(store.close)
            embedder = Embedder(
                self._client(EMBEDDINGS, self._settings.embeddings_url, session),
                cache_size=self._settings.embedding_cache_size,
                metrics=self._service.metrics,
            )
            collections = Collections(
                store,
                self._guards[QDRANT],
                specs=SPECS,
                hnsw=self._settings.hnsw,
                cluster=self._settings.cluster,
                usage=self._settings.usage,
            )
            app[EMBEDDER] = embedder
            app[COLLECTIONS] = collections
            app[AUGMENTER] = self._augmenter(app, embedder, collections, session)
            await stack.enter_async_context(self._sessions(app))
            self._register_probes(session, store, collections)
            preparation = Preparation(embedder, collections, self._reembedding(embedder, collections))
            await _first_preparation(preparation)
            learner = Learner(collections, self._settings.learning, self._service.metrics)
            app[CHAT] = self._chat(app, session)
            garbage = GarbageCollector(collections, self._settings.garbage, self._service.metrics)
            app[GARBAGE] = garbage
            app[INTERACTIONS] = Interactions(collections, self._service.metrics, on_change=learner.wake)
            async with background(preparation.keep(), learner.keep(), garbage.keep()):
                yield

    def _reembedding(self, embedder: Embedder, collections: Collections) -> Reembedding | None:
        if self._settings.on_model_change == "refuse":
            return None
        return Reembedding(collections, embedder, self._service.metrics, timeout=self._settings.store_deadline)

    async def _open_store(self) -> VectorStore:
        if self._settings.qdrant_path is not None:
            return await VectorStore.directory(self._settings.qdrant_path)
        key = self._settings.qdrant_api_key
        return await VectorStore.server(
            self._settings.qdrant_url,
            api_key=None if key is None else key.get_secret_value(),
            timeout=self._settings.store_deadline,
        )

    def _chat(self, app: web.Application, session: ClientSession) -> Chat:
        return Chat(
            {
                route: Llm(route, settings, session, self._llm_guards[route], api_key)
                for route, (settings, api_key) in self._llms.items()
            },
            app[AUGMENTER],
            app[EMBEDDER],
            app[COLLECTIONS],
            self.counter,
            self._settings.chat,
            DecisionTelemetry(self._service.metrics),
        )

    @asynccontextmanager
    async def _sessions(self, app: web.Application) -> AsyncIterator[None]:
        if self._settings.redis_url is None or self._redis_guard is None:
            yield
            return
        password = self._settings.redis_password
        redis = Redis.from_url(
            self._settings.redis_url,
            password=password.get_secret_value() if password else None,
            socket_timeout=1.0,
            socket_connect_timeout=1.0,
            max_connections=50,
        )
        try:
            sessions = Sessions(redis, self._redis_guard, self._settings.sessions)
            app[SESSIONS] = sessions
            app[CONVERSATION] = Conversation(app[AUGMENTER], sessions, self._settings.collections)
            self._service.health.add_dependency(Dependency(name=REDIS, check=sessions.ping, critical=False))
            yield
        finally:
            await redis.aclose()

    def _client(self, name: str, url: str, session: ClientSession) -> ServiceClient:
        return ServiceClient(
            name=name,
            base_url=url,
            session=session,
            guard=self._guards[name],
            api_key=self._settings.upstream_api_key,
            max_response_bytes=8 * 1024 * 1024,
        )

    def _augmenter(
        self, app: web.Application, embedder: Embedder, collections: Collections, session: ClientSession
    ) -> Augmenter:
        settings = self._settings
        aidb = docs = None
        if settings.aidb_url is not None:
            app[AIDB_CLIENT] = client = self._client(AIDB, settings.aidb_url, session)
            aidb = AidbSource(client, limit=settings.aidb_limit)
        if settings.nixos_docs_url is not None:
            app[DOCS_CLIENT] = client = self._client(NIXOS_DOCS, settings.nixos_docs_url, session)
            docs = NixosDocsSource(client, limit=settings.nixos_docs_limit)
        retrieval = Retrieval(
            embedder=embedder,
            aidb=aidb,
            nixos_docs=docs,
            collections=collections,
            plan={name: search for name in collections.names if (search := settings.collections.of(name)).limit > 0},
            embedding_share=settings.embedding_share,
        )
        return Augmenter(
            retrieval,
            PromptBuilder(self.counter, excerpt_limit=settings.excerpt_max_chars),
            Relevance(min_similarity=settings.min_similarity, min_coverage=settings.min_coverage),
            answer_deadline=settings.answer_deadline,
            metrics=self._service.metrics,
            statistics=self.statistics,
        )

    def _register_probes(self, session: ClientSession, store: VectorStore, collections: Collections) -> None:
        urls = {AIDB: self._settings.aidb_url, NIXOS_DOCS: self._settings.nixos_docs_url}
        probes.register(
            self._service.health,
            embeddings=probes.http_check(session, self._settings.embeddings_url),
            services={name: probes.http_check(session, url) for name, url in urls.items() if url is not None},
            store=store,
            collections=collections,
        )


async def _first_preparation(preparation: Preparation) -> None:
    try:
        with deadline(STARTUP_SECONDS):
            await preparation.once()
    except ModelMismatch as error:
        # Better not to start than to answer from vectors that mean something else.
        raise StoredVectorsOfAnotherModel(error.message) from None


def _guards(registry: GuardRegistry, settings: HybridSettings) -> dict[str, Guard]:
    """One guard per dependency. Two attempts and short pauses: an answer is due within the deadline."""
    timeouts = {
        EMBEDDINGS: settings.answer_deadline * settings.embedding_share,
        AIDB: settings.answer_deadline,
        NIXOS_DOCS: settings.answer_deadline,
        QDRANT: settings.answer_deadline,
    }
    unused = {name for name, url in ((AIDB, settings.aidb_url), (NIXOS_DOCS, settings.nixos_docs_url)) if url is None}
    return {
        name: registry.create(
            name,
            Policy(
                timeout=timeout,
                attempts=2,
                backoff_initial=0.02,
                backoff_max=0.1,
                failure_threshold=5,
                reset_timeout=3.0,
                failures=(VectorStoreError,),
                passthrough=(CollectionMissing,),
            ),
        )
        for name, timeout in timeouts.items()
        if name not in unused
    }


def _llms(settings: HybridSettings) -> dict[Route, tuple[LlmSettings, SecretStr | None]]:
    given: dict[Route, tuple[LlmSettings | None, SecretStr | None]] = {
        "local": (settings.local_llm, settings.local_llm_api_key),
        "remote": (settings.remote_llm, settings.remote_llm_api_key),
    }
    found: dict[Route, tuple[LlmSettings, SecretStr | None]] = {}
    for route, (llm, api_key) in given.items():
        if llm is None:
            continue
        try:
            endpoint_of(llm.url)
        except ValueError as error:
            raise SettingsError(f"{route}_llm.url: {error}") from None
        found[route] = (llm, api_key)
    return found


def _counter(settings: HybridSettings) -> TokenCounter:
    if settings.tokenizer_file is None:
        return EstimatedTokens()
    try:
        return TokenizerTokens(settings.tokenizer_file)
    except ValueError as error:
        raise SettingsError(f"tokenizer_file: {error}") from None
