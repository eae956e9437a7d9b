"""Distributed tracing: W3C Trace Context in and out, spans exported by OTLP when an operator asks for it.

On if an OTLP endpoint is configured (OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) and none of
OTEL_SDK_DISABLED=true, OTEL_TRACING_ENABLED=false and OTEL_TRACES_EXPORTER=none says otherwise. All other standard
variables are honoured as described in `ai_stack.service.trace_export`.

Off, nothing is recorded and the OpenTelemetry SDK is not even imported, but a trace id still goes through logs and
outgoing headers: the caller's context is passed on unchanged, as W3C Trace Context allows a participant that records
nothing, and a request without one gets a new, unsampled one.

Exceptions: a span gets status ERROR and an event with the exception's type. The message is recorded only for a
`ServiceError`, whose message is written for clients; any other one may hold what a user typed or a secret, and is in
the log under the same trace id.
"""

import contextvars
import logging
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from http import HTTPStatus
from types import TracebackType
from typing import Any, ParamSpec, Protocol, TypeVar

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.propagators.textmap import Getter
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from ai_stack.service.errors import ServiceError

P = ParamSpec("P")
T = TypeVar("T")

TRACER_NAME = "ai_stack.service"
SHUTDOWN_TIMEOUT = 2.0

# W3C Trace Context, "tracestate Limits": at least 512 characters are to be propagated.
_MAX_HEADER = 512
# RFC 9110 section 9 and RFC 5789; any other method is `_OTHER` (OpenTelemetry semantic conventions for HTTP spans).
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"))

# It would complain about each malformed tracestate, whose text is a stranger's.
logging.getLogger("opentelemetry.trace.span").setLevel(logging.CRITICAL)

_propagator = TraceContextTextMapPropagator()
_tracer: trace.Tracer | None = None
# Outlives the server span, so that what is logged after it (the access log) still belongs to the trace. Each request
# runs in a task, hence a context, of its own.
_served: contextvars.ContextVar[SpanContext | None] = contextvars.ContextVar("served", default=None)


class Pipeline(Protocol):
    """What records and exports spans while tracing is on."""

    @property
    def tracer(self) -> trace.Tracer: ...

    def shutdown(self, timeout: float) -> None: ...


class Tracing:
    """Handle on the tracing of this process."""

    def __init__(self, pipeline: Pipeline | None) -> None:
        self._pipeline = pipeline

    @property
    def enabled(self) -> bool:
        """Whether spans are recorded and exported."""
        return self._pipeline is not None

    def shutdown(self, timeout: float = SHUTDOWN_TIMEOUT) -> None:
        """Export what is left, for at most `timeout` seconds, and turn tracing off.

        Blocks: call it when the event loop has ended.
        """
        global _tracer
        pipeline, self._pipeline = self._pipeline, None
        if pipeline is not None:
            _tracer = None
            pipeline.shutdown(timeout)


def configure(service: str, version: str, sample_rate: float | None, environ: Mapping[str, str]) -> Tracing:
    """Turn tracing on or off for this process, as `environ` says.

    Args:
        service: service.name of the spans unless OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES says otherwise.
        version: service.version of the spans.
        sample_rate: share of new traces that are recorded, 0 to 1; the environment wins. None means 1.
        environ: the process's environment.

    Raises:
        SettingsError: OTEL_SAMPLE_RATE is not a number from 0 to 1.
    """
    if not _wanted(environ):
        return activate(None)
    # Late: the SDK and its exporters cost 0.2 s and 20 MB, to be paid only where traces are exported.
    from ai_stack.service.trace_export import ExportPipeline  # noqa: PLC0415 - exporters load slowly, and tracing may be off

    return activate(ExportPipeline(service, version, sample_rate, environ))


def activate(pipeline: Pipeline | None) -> Tracing:
    """Record spans with `pipeline` from now on; with None, record none."""
    global _tracer
    _tracer = pipeline.tracer if pipeline is not None else None
    return Tracing(pipeline)


def _wanted(environ: Mapping[str, str]) -> bool:
    def given(name: str) -> str:
        return environ.get(name, "").strip().lower()

    if given("OTEL_SDK_DISABLED") == "true" or given("OTEL_TRACING_ENABLED") in ("false", "0", "no", "off"):
        return False
    if given("OTEL_TRACES_EXPORTER") not in ("", "otlp"):
        return False
    return bool(given("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or given("OTEL_EXPORTER_OTLP_ENDPOINT"))


class ServerSpan:
    """The span of a request being served."""

    def __init__(self, span: Span) -> None:
        self._span = span

    def set_status_code(self, status: int) -> None:
        """Record the status of the answer. Only 5xx is an error of the server (semantic conventions for HTTP spans)."""
        if self._span.is_recording():
            self._span.set_attribute("http.response.status_code", status)
            # An exception recorded before says more than the status that it was turned into.
            if status >= HTTPStatus.INTERNAL_SERVER_ERROR and "error.type" not in getattr(self._span, "attributes", ()):
                self._span.set_attribute("error.type", str(status))
                self._span.set_status(StatusCode.ERROR)


@contextmanager
def server_span(headers: Mapping[str, str], method: str, route: str) -> Iterator[ServerSpan]:
    """Continue the caller's trace, or begin one, around the handling of a request.

    Args:
        headers: of the request; a malformed or repeated `traceparent` counts as absent.
        method: of the request.
        route: its route template, never the raw path: it becomes part of the span's name.
    """
    parent = _propagator.extract(headers, context=otel_context.Context(), getter=_HEADERS)
    if _tracer is None:
        span: Span = trace.get_current_span(parent)
        if not span.get_span_context().is_valid:
            span = _unsampled_root()
        with _current(span):
            yield ServerSpan(span)
        return
    known = method in _METHODS
    attributes = {"http.request.method": method if known else "_OTHER", "http.route": route}
    span = _tracer.start_span(
        f"{method if known else 'HTTP'} {route}", context=parent, kind=SpanKind.SERVER, attributes=attributes
    )
    with _current(span), _ended(span):
        yield ServerSpan(span)


def span(name: str, /, **attributes: object) -> AbstractContextManager[Span]:
    """Record an operation inside this service. Without cost when tracing is off.

    Args:
        name: of the operation, such as `aidb.search_vectors`.
        attributes: of the span: numbers, strings, booleans, or sequences of one of them; None is left out.
    """
    return _child(name, SpanKind.INTERNAL, attributes)


def client_span(name: str, /, **attributes: object) -> AbstractContextManager[Span]:
    """Record a call to another process; as `span`. `trace_headers` inside of it makes the callee's span a child."""
    return _child(name, SpanKind.CLIENT, attributes)


def trace_headers() -> dict[str, str]:
    """Return the W3C headers that pass the current trace on to another service; empty outside of a trace."""
    headers: dict[str, str] = {}
    _propagator.inject(headers)
    return headers


def current_ids() -> tuple[str, str] | tuple[None, None]:
    """Return trace id and span id (32 and 16 hex digits) of the current span, or of the request just served."""
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        served = _served.get()
        if served is None:
            return None, None
        context = served
    return trace.format_trace_id(context.trace_id), trace.format_span_id(context.span_id)


def record_exception(error: BaseException) -> None:
    """Record on the current span an exception that will not leave it, because it is turned into an answer."""
    _record(trace.get_current_span(), error)


def in_context(fn: Callable[P, T]) -> Callable[P, T]:
    """Return `fn` bound to the current context (trace, request id, deadline), for a thread of an executor.

    May be called from several threads at once.
    """
    context = contextvars.copy_context()

    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        # A context can be entered by one thread at a time.
        return context.copy().run(fn, *args, **kwargs)

    return run


class _Headers(Getter[Mapping[str, str]]):
    """Reads single-valued and multi-valued mappings; drops what the propagator would log a complaint about."""

    def get(self, carrier: Mapping[str, str], key: str) -> list[str] | None:
        if hasattr(carrier, "getall"):
            values: list[str] = carrier.getall(key, [])
        else:
            values = [carrier[key]] if key in carrier else []
        if sum(map(len, values)) + len(values) - 1 > _MAX_HEADER or (key == "traceparent" and len(values) != 1):
            return None
        return values or None

    def keys(self, carrier: Mapping[str, str]) -> list[str]:
        return list(carrier)


_HEADERS = _Headers()


class _Idle:
    """Stands for a span while none are recorded."""

    def __enter__(self) -> Span:
        return trace.get_current_span()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        return None


_IDLE = _Idle()


def _child(name: str, kind: SpanKind, attributes: dict[str, object]) -> AbstractContextManager[Span]:
    return _IDLE if _tracer is None else _recorded(_tracer, name, kind, attributes)


@contextmanager
def _recorded(tracer: trace.Tracer, name: str, kind: SpanKind, attributes: dict[str, object]) -> Iterator[Span]:
    values = {key: _attribute(value) for key, value in attributes.items() if value is not None}
    span = tracer.start_span(name, kind=kind, attributes=values)
    token = otel_context.attach(trace.set_span_in_context(span))
    try:
        with _ended(span):
            yield span
    finally:
        otel_context.detach(token)


@contextmanager
def _current(span: Span) -> Iterator[None]:
    """Make a server span current; what surrounds the server belongs to another trace, if any."""
    token = otel_context.attach(trace.set_span_in_context(span, otel_context.Context()))
    try:
        yield
    finally:
        otel_context.detach(token)
        _served.set(span.get_span_context())


@contextmanager
def _ended(span: Span) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        _record(span, error)
        raise
    finally:
        span.end()


def _record(span: Span, error: BaseException) -> None:
    if not span.is_recording():
        return
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    attributes = {"exception.type": name}
    if isinstance(error, ServiceError):
        attributes["exception.message"] = error.message
    span.add_event("exception", attributes)
    span.set_attribute("error.type", name)
    span.set_status(Status(StatusCode.ERROR, name))


def _attribute(value: object) -> Any:
    if isinstance(value, str | bool | int | float) or (
        isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)
    ):
        return value
    return str(value)


def _unsampled_root() -> NonRecordingSpan:
    # Ids need to be unique, not unguessable; they must not be zero (W3C Trace Context, trace-id).
    return NonRecordingSpan(
        SpanContext(
            trace_id=random.getrandbits(128) or 1,
            span_id=random.getrandbits(64) or 1,
            is_remote=False,
            trace_flags=TraceFlags(TraceFlags.DEFAULT),
        )
    )
