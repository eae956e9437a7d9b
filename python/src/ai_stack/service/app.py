"""A service: what a payload declares, and the aiohttp application made of it.

service = Service(name="translator", metrics_prefix="translator", settings=settings)
service.add_routes(ROUTES)
service.add_resource(database)
app = service.build()
"""

from collections.abc import AsyncIterator, Callable, Iterable
from importlib.metadata import PackageNotFoundError, version

from aiohttp import web
from pydantic import SecretStr

from ai_stack.service import builtin
from ai_stack.service.auth import KeyFileError, KeyStore
from ai_stack.service.context import SERVICE
from ai_stack.service.endpoint import Endpoint
from ai_stack.service.health import Health
from ai_stack.service.logs import register_secret
from ai_stack.service.metrics import ServiceMetrics
from ai_stack.service.middleware import call_endpoint, middlewares, sent_headers
from ai_stack.service.ratelimit import Limit, RateLimiter
from ai_stack.service.recent_errors import RecentErrors
from ai_stack.service.resilience import GuardRegistry
from ai_stack.service.settings import ServiceSettings, SettingsError

Resource = Callable[[web.Application], AsyncIterator[None]]

__all__ = ["SERVICE", "Resource", "Service", "distribution_version"]


def distribution_version() -> str:
    """Return the version of the installed distribution."""
    try:
        return version("ai-stack")
    except PackageNotFoundError:
        return "0+unknown"


class Service:
    """Everything that a running service has, before and behind its aiohttp application.

    Args:
        name: as in unit names and logs, for example "hybrid-coordinator".
        metrics_prefix: of its own metrics.
        http_metrics_prefix: of the request metrics, where it differs.
        settings: the payload's settings.
        healthy_word: what `/health` says when all is well.
        release: version shown in `/health`, logs and metrics; the distribution's by default.

    Raises:
        SettingsError: authentication is required and the key file cannot be used.
    """

    def __init__(
        self,
        *,
        name: str,
        metrics_prefix: str,
        settings: ServiceSettings,
        http_metrics_prefix: str | None = None,
        healthy_word: str = "healthy",
        release: str | None = None,
    ) -> None:
        self.name = name
        self.settings = settings
        self.version = release or distribution_version()
        self.metrics = ServiceMetrics(
            prefix=metrics_prefix,
            http_prefix=http_metrics_prefix or metrics_prefix,
            service=name,
            version=self.version,
        )
        self.guards = GuardRegistry()
        self.recent_errors = RecentErrors()
        self.health = Health(service=name, version=self.version, healthy_word=healthy_word)
        self.health.watch_guards(self.guards)
        self.metrics.watch_guards(self.guards)
        ready = self.metrics.gauge(
            f"{metrics_prefix}_ready", "1 while the service can serve as far as it depends on itself, else 0."
        )
        self.metrics.on_scrape(lambda: ready.set({}, int(self.health.can_serve)))
        self.keys = self._load_keys()
        limits = {
            "interactive": settings.rate_limits.interactive,
            "ingest": settings.rate_limits.ingest,
        }
        self.limiter = RateLimiter(
            {
                rate_class: Limit(rate_per_minute=limit.rate_per_minute, burst=limit.burst)
                for rate_class, limit in limits.items()
                if limit is not None
            }
        )
        self.endpoints: list[Endpoint] = list(builtin.ROUTES)
        self._resources: list[Resource] = []
        self._by_handler: dict[object, Endpoint] = {}
        for field in type(settings).model_fields:
            if isinstance(value := getattr(settings, field), SecretStr):
                register_secret(value.get_secret_value())

    def add_routes(self, routes: Iterable[Endpoint]) -> None:
        """Add endpoints, before `build`."""
        self.endpoints.extend(routes)

    def add_resource(self, resource: Resource) -> None:
        """Add an async generator function: what is before its `yield` runs at start, the rest at stop.

        Resources start in the order in which they were added and stop in the opposite one.
        """
        self._resources.append(resource)

    def endpoint_of(self, request: web.Request) -> Endpoint | None:
        """Return the endpoint that a request goes to, None when there is none."""
        return self._by_handler.get(request.match_info.handler)

    def build(self) -> web.Application:
        """Return the application."""
        app = web.Application(middlewares=middlewares(self))
        app[SERVICE] = self
        for target in self.endpoints:
            handler = call_endpoint(self, target)
            self._by_handler[handler] = target
            if target.method == "GET":
                app.router.add_get(target.path, handler)
            else:
                app.router.add_route(target.method, target.path, handler)
        app.on_response_prepare.append(sent_headers)
        app.cleanup_ctx.extend(self._resources)
        app.cleanup_ctx.append(_started)
        return app

    def _load_keys(self) -> KeyStore | None:
        if self.settings.auth == "disabled":
            return None
        if self.settings.api_keys_file is None:
            raise SettingsError("api_keys_file: missing (or credential `api_keys`); the service does not start without")
        try:
            return KeyStore(self.settings.api_keys_file)
        except KeyFileError as error:
            raise SettingsError(f"api_keys_file: {error}") from None


async def _started(app: web.Application) -> AsyncIterator[None]:
    """Last resource: when it is reached, all others are up."""
    health = app[SERVICE].health
    health.resources_up()
    yield
    health.drain()
