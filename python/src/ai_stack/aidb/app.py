"""The aidb service: its parts, in the order in which they start."""

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, closing
from datetime import timedelta
from typing import Any

from aiohttp import web
from redis.asyncio import Redis

from ai_stack.aidb import (
    cache,
    database,
    discovery_routes,
    job_routes,
    redis_pool,
    routes,
    search_routes,
    telemetry_routes,
)
from ai_stack.aidb.cache import VectorCache
from ai_stack.aidb.connecting import first_connection, open_pool
from ai_stack.aidb.database import Connection, Database
from ai_stack.aidb.documents import DocumentStore
from ai_stack.aidb.embedder import Embedder
from ai_stack.aidb.embeddings import Embeddings
from ai_stack.aidb.errors import ModelMismatch, StoredVectorsOfAnotherModel
from ai_stack.aidb.import_worker import ImportWorker
from ai_stack.aidb.indexing import Indexing
from ai_stack.aidb.ingestion import Ingestion
from ai_stack.aidb.jobs import JobStore
from ai_stack.aidb.lexicon import Lexicon
from ai_stack.aidb.migrate import load_migrations, migrate
from ai_stack.aidb.model_change import ModelChange
from ai_stack.aidb.model_client import ModelClient
from ai_stack.aidb.pdf import PdfReader
from ai_stack.aidb.redis_pool import MeasuredPool
from ai_stack.aidb.reembedder import Reembedder
from ai_stack.aidb.resources import (
    DATABASE,
    DOCUMENTS,
    EMBEDDER,
    EMBEDDINGS,
    IMPORTS,
    INDEXING,
    INGESTION,
    JOBS,
    MODEL_CHANGE,
    PDF_READER,
    REEMBEDDER,
    SEARCH_CACHE,
    SEARCHING,
    SETTINGS,
    TELEMETRY,
)
from ai_stack.aidb.search import ChunkSearch
from ai_stack.aidb.search_cache import SearchCache
from ai_stack.aidb.searching import Searching
from ai_stack.aidb.settings import AidbSettings
from ai_stack.aidb.telemetry import Telemetry
from ai_stack.service.app import Service
from ai_stack.service.client import ServiceClient, client_session
from ai_stack.service.health import Dependency
from ai_stack.service.logs import get_logger, register_secret
from ai_stack.service.resilience import CircuitState, DependencyError, Guard, Policy
from ai_stack.service.runner import run

#: Threads that cut documents. More would only compete for the interpreter.
CHUNKING_THREADS = 2
#: A document is embedded with at most this many attempts.
EMBED_ATTEMPTS = 2

log = get_logger(__name__)


def create_app(settings: AidbSettings) -> web.Application:
    """Return the application.

    Raises:
        SettingsError: the settings cannot be used.
    """
    service = Service(
        name="aidb", metrics_prefix="aidb", http_metrics_prefix="aidb_http", settings=settings, healthy_word="ok"
    )
    for secret in (settings.postgres_password, settings.redis_password):
        if secret is not None:
            register_secret(secret.get_secret_value())
    parts = _Parts(service, settings)
    for module in (routes, job_routes, search_routes, telemetry_routes, discovery_routes):
        service.add_routes(module.ROUTES)
    service.add_resource(parts.storage)
    service.add_resource(parts.vectors)
    service.add_resource(parts.work)
    return service.build()


class _Parts:
    """The resources of one application, with what they share."""

    def __init__(self, service: Service, settings: AidbSettings) -> None:
        self._service = service
        self._settings = settings
        self._postgres_guard = database.create_guard(settings, service.guards)
        policy = Policy(timeout=settings.embeddings_timeout, attempts=EMBED_ATTEMPTS, reset_timeout=2.0)
        self._embeddings_guard = service.guards.create("embeddings", policy)
        self._next_guard = service.guards.create("embeddings_next", policy) if settings.embeddings_next_url else None
        self._next: ModelClient | None = None
        self._redis_guard = cache.create_guard(service.guards) if settings.redis_url else None
        self._pgvector: str | None = None
        self._migrations = load_migrations()
        service.health.add_detail(self._detail)

    async def storage(self, app: web.Application) -> AsyncIterator[None]:
        """PostgreSQL: newest schema, pool, documents and search."""
        connection = await first_connection(self._settings)
        with closing(connection):
            await migrate(Connection(connection), self._migrations)
            rows = await Connection(connection).fetch("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
            self._pgvector = rows[0][0]
        async with open_pool(self._settings) as pool:
            store = Database(pool, self._postgres_guard, self._service.metrics)
            app[DATABASE] = store
            app[SETTINGS] = self._settings
            app[DOCUMENTS] = DocumentStore(store, write_timeout=self._settings.postgres_write_timeout)
            app[JOBS] = JobStore(store, write_timeout=self._settings.postgres_write_timeout)
            self._service.health.add_dependency(Dependency(name="postgres", check=lambda: store.fetch("SELECT 1")))
            yield

    async def vectors(self, app: web.Application) -> AsyncIterator[None]:
        """The embeddings service and the cache of its answers."""
        settings = self._settings
        async with AsyncExitStack() as stack:
            session = await stack.enter_async_context(client_session())

            def client(name: str, url: str, guard: Guard) -> ModelClient:
                key = settings.upstream_api_key
                return ModelClient(
                    ServiceClient(name=name, base_url=url, session=session, guard=guard, api_key=key),
                    batch_size=settings.embed_batch_size,
                    timeout=settings.embeddings_timeout,
                    info_timeout=settings.search_embed_timeout,
                )

            clients = [client("embeddings", settings.embeddings_url, self._embeddings_guard)]
            if settings.embeddings_next_url is not None and self._next_guard is not None:
                self._next = client("embeddings_next", settings.embeddings_next_url, self._next_guard)
                clients.append(self._next)
            vectors = Embeddings(
                clients,
                app[DATABASE],
                await stack.enter_async_context(self._cache(app)),
                query_timeout=settings.search_embed_timeout,
            )
            await _refuse_other_model(vectors)
            app[EMBEDDINGS] = vectors
            self._service.health.add_dependency(
                Dependency(name="embeddings", check=lambda: vectors.check(max_age=1.0), critical=False)
            )
            yield

    async def work(self, app: web.Application) -> AsyncIterator[None]:
        """Ingestion with its background workers, and search."""
        settings = self._settings
        telemetry = app[TELEMETRY] = Telemetry(
            app[DATABASE],
            self._service.metrics,
            enabled=settings.telemetry_enabled,
            keep=timedelta(seconds=settings.telemetry_retention),
            most=settings.telemetry_max_events,
            timeout=settings.postgres_write_timeout,
        )
        embedder = Embedder(
            app[DATABASE],
            app[DOCUMENTS],
            app[EMBEDDINGS],
            self._service.metrics,
            batch_size=settings.embed_batch_size,
            concurrency=settings.embed_concurrency,
            timeout=EMBED_ATTEMPTS * settings.embeddings_timeout,
        )
        app[EMBEDDER] = embedder
        lexicon = Lexicon(app[DATABASE])
        app[SEARCHING] = Searching(ChunkSearch(app[DATABASE]), lexicon, app[EMBEDDINGS], self._service.metrics)
        pdf = app[PDF_READER] = PdfReader(max_document_bytes=settings.max_document_bytes)
        executor = ThreadPoolExecutor(CHUNKING_THREADS, thread_name_prefix="chunking")
        app[INGESTION] = Ingestion(
            app[DOCUMENTS],
            embedder,
            telemetry,
            pdf,
            executor,
            max_document_bytes=settings.max_document_bytes,
            chunk_tokens=settings.chunk_tokens,
            embed_wait=settings.embed_wait,
        )
        app[INDEXING] = Indexing(
            app[DATABASE], embedder, wait=settings.embed_wait, write_timeout=settings.postgres_write_timeout
        )
        imports = app[IMPORTS] = ImportWorker(
            app[DATABASE],
            app[JOBS],
            app[INGESTION],
            embedder,
            telemetry,
            self._service.metrics,
            concurrency=settings.import_concurrency,
            timeout=settings.postgres_write_timeout,
            keep=timedelta(seconds=settings.job_retention),
        )
        change = app[MODEL_CHANGE] = ModelChange(
            app[DATABASE], app[JOBS], self._next, telemetry, write_timeout=settings.postgres_write_timeout
        )
        reembedder = app[REEMBEDDER] = Reembedder(
            app[DATABASE],
            change,
            self._next,
            self._service.metrics,
            batch_size=settings.embed_batch_size,
            timeout=EMBED_ATTEMPTS * settings.embeddings_timeout,
        )
        try:
            async with (
                telemetry.running(),
                embedder.running(),
                imports.running(),
                reembedder.running(),
                lexicon.running(),
            ):
                yield
        finally:
            executor.shutdown(wait=False, cancel_futures=True)

    @asynccontextmanager
    async def _cache(self, app: web.Application) -> AsyncIterator[VectorCache | None]:
        if self._settings.redis_url is None or self._redis_guard is None:
            yield None
            return
        password = self._settings.redis_password
        pool = MeasuredPool.from_url(
            self._settings.redis_url,
            password=password.get_secret_value() if password else None,
            socket_timeout=1.0,
            socket_connect_timeout=1.0,
            max_connections=cache.MAX_CONNECTIONS,
        )
        redis_pool.show(pool, self._redis_guard, self._service.metrics)
        redis = Redis.from_pool(pool)
        try:
            vectors = VectorCache(
                redis, self._redis_guard, self._service.metrics, ttl=self._settings.embedding_cache_ttl
            )
            app[SEARCH_CACHE] = SearchCache(
                redis,
                self._redis_guard,
                app[DATABASE],
                self._service.metrics,
                ttl=self._settings.search_cache_ttl,
            )
            self._service.health.add_dependency(Dependency(name="redis", check=vectors.ping, critical=False))
            yield vectors
        finally:
            await redis.aclose()

    def _detail(self) -> dict[str, Any]:
        return {
            "database": _word(self._postgres_guard),
            "redis": _word(self._redis_guard),
            "embeddings": _word(self._embeddings_guard),
            "pgvector": self._pgvector,
        }


def _word(guard: Guard | None) -> str:
    if guard is None:
        return "disabled"
    return "ok" if guard.state is CircuitState.CLOSED else "unavailable"


async def _refuse_other_model(vectors: Embeddings) -> None:
    """Raise `StoredVectorsOfAnotherModel` if the service can be asked and runs another model."""
    try:
        await vectors.check()
    except ModelMismatch as error:
        raise StoredVectorsOfAnotherModel(str(error)) from None
    except DependencyError as error:
        log.warning("embeddings.not_reachable", reason=str(error), consequence="the model is checked when it is")


def main() -> None:
    """Run the service."""
    run(AidbSettings, create_app)
