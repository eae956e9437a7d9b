"""Prometheus metrics of a service, with aioprometheus; one registry per service.

Metric names are `<prefix>_<noun>_<unit>[_total]`. Label values must come from a small fixed set: routes are counted by
their template, and requests to no route share the value `UNMATCHED`.

Collectors belong to the event loop's thread: an increment is a read and a write, and would be lost between threads.
There are no summaries: aioprometheus keeps every quantile sample of a Summary for ever.
"""

import os
from collections.abc import Callable, Sequence
from typing import TypeVar

from aioprometheus.collectors import Collector, Counter, Gauge, Histogram, Registry

from ai_stack.service.exposition import CONTENT_TYPE, render_text
from ai_stack.service.logs import get_logger
from ai_stack.service.resilience import CircuitState, GuardRegistry

#: Label `endpoint` of every request that no route takes.
UNMATCHED = "unmatched"
#: Label `method` of every method that is not a standard one: clients may invent them.
OTHER_METHOD = "other"
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"))

#: Seconds; from a cache hit to the default deadline of a request.
LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

FIRST_ERROR_STATUS = 400

C = TypeVar("C", bound=Collector)

log = get_logger(__name__)


class ServiceMetrics:
    """The metrics that every service has, and the factory for its own.

    Args:
        prefix: of the service's metrics, for example `aidb`.
        http_prefix: of the metrics of its requests, for example `aidb_http`.
        service: name of the service.
        version: its version, shown as `<prefix>_build_info{version=…} 1`.
    """

    def __init__(self, prefix: str, http_prefix: str, service: str, version: str) -> None:
        self._registry = Registry()
        self._callbacks: list[Callable[[], None]] = []
        self._failing: set[Callable[[], None]] = set()
        self._requests_in_flight = 0
        self._requests = self.counter(f"{http_prefix}_requests_total", "Requests answered.")
        self._errors = self.counter(
            f"{http_prefix}_request_errors_total", f"Requests answered with a status of {FIRST_ERROR_STATUS} or more."
        )
        self._latency = self.histogram(
            f"{http_prefix}_request_latency_seconds", "Time from the request's head to its answer.", LATENCY_BUCKETS
        )
        self._in_flight = self.gauge(f"{http_prefix}_requests_in_flight", "Requests being served.")
        self._memory = self.gauge(f"{prefix}_process_memory_bytes", "Resident memory of the process.")
        self._breaker_state = self.gauge(
            f"{prefix}_circuit_breaker_state", "Circuit per dependency: 0 closed, 1 half-open, 2 open."
        )
        self._breaker_failures = self.counter(
            f"{prefix}_circuit_breaker_failures_total", "Failed attempts per dependency."
        )
        build = self.gauge(f"{prefix}_build_info", f"Version of {service}; always 1.")
        build.set({"version": version}, 1)

    def counter(self, name: str, doc: str) -> Counter:
        """Return the counter of this name, made if there is none.

        Raises:
            ValueError: the name is not a metric name, or belongs to a metric of another kind.
        """
        return self._existing(Counter, name) or Counter(name, doc, registry=self._registry)

    def gauge(self, name: str, doc: str) -> Gauge:
        """Return the gauge of this name, made if there is none. Errors as for `counter`."""
        return self._existing(Gauge, name) or Gauge(name, doc, registry=self._registry)

    def histogram(self, name: str, doc: str, buckets: Sequence[float]) -> Histogram:
        """Return the histogram of this name, made if there is none.

        Args:
            name: of the metric.
            doc: one line for its reader.
            buckets: upper bounds in ascending order, in the unit of the metric; +Inf is added.

        Raises:
            ValueError: as for `counter`; or it exists with other buckets, or the buckets do not ascend.
        """
        existing = self._existing(Histogram, name)
        if existing is not None:
            if tuple(existing.upper_bounds) != tuple(buckets):
                raise ValueError(f"{name} exists with other buckets")
            return existing
        if not buckets or list(buckets) != sorted(set(buckets)):
            raise ValueError(f"the buckets of {name} must ascend")
        return Histogram(name, doc, registry=self._registry, buckets=tuple(buckets))

    def on_scrape(self, fn: Callable[[], None]) -> None:
        """Call `fn` before each rendering, to set gauges. It must not wait for anything."""
        self._callbacks.append(fn)

    def request_started(self) -> None:
        """Count a request in."""
        self._requests_in_flight += 1

    def request_finished(self) -> None:
        """Count a request out."""
        self._requests_in_flight -= 1

    def observe_request(self, endpoint: str, method: str, status: int, seconds: float) -> None:
        """Count an answer.

        Args:
            endpoint: route template, or `UNMATCHED`.
            method: of the request, as sent.
            status: of the answer.
            seconds: from the request's head to its answer.
        """
        method = method if method in METHODS else OTHER_METHOD
        labels = {"endpoint": endpoint, "method": method, "status": str(status)}
        self._requests.inc(labels)
        if status >= FIRST_ERROR_STATUS:
            self._errors.inc(labels)
        self._latency.observe({"endpoint": endpoint, "method": method}, seconds)

    def observe_malformed(self, status: int) -> None:
        """Count an answer of `status` to something that was no request."""
        labels = {"endpoint": UNMATCHED, "method": OTHER_METHOD, "status": str(status)}
        self._requests.inc(labels)
        self._errors.inc(labels)

    def watch_guards(self, guards: GuardRegistry) -> None:
        """Show the state and the failures of every guard, those created later included."""
        guards.observe(self)

    def state_changed(self, dependency: str, state: CircuitState) -> None:
        """A circuit is in `state` now (`GuardObserver`)."""
        labels = {"service": dependency}
        self._breaker_state.set(labels, int(state))
        # rate() sees the first failure only of a series that existed before it.
        self._breaker_failures.add(labels, 0)

    def failed(self, dependency: str) -> None:
        """An attempt failed (`GuardObserver`)."""
        self._breaker_failures.inc({"service": dependency})

    def render(self) -> tuple[bytes, str]:
        """Return all metrics in the text exposition format, and its content type."""
        self._in_flight.set({}, self._requests_in_flight)
        self._memory.set({}, resident_memory())
        for fn in self._callbacks:
            self._refresh(fn)
        return render_text(self._registry), CONTENT_TYPE

    def _refresh(self, fn: Callable[[], None]) -> None:
        try:
            fn()
        except Exception:
            if fn not in self._failing:
                self._failing.add(fn)
                log.exception("metrics.refresh_failed", callback=getattr(fn, "__qualname__", repr(fn)))
        else:
            self._failing.discard(fn)

    def _existing(self, kind: type[C], name: str) -> C | None:
        collector = self._registry.collectors.get(name)
        if collector is None or type(collector) is kind:
            return collector
        raise ValueError(f"{name} exists as a {collector.kind.name}")


def resident_memory() -> int:
    """Return the resident memory of this process in bytes (proc(5), /proc/pid/statm, second field)."""
    file = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return int(os.pread(file, 256, 0).split()[1]) * os.sysconf("SC_PAGE_SIZE")
    finally:
        os.close(file)
