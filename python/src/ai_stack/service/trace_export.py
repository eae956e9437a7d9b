"""The recording side of tracing: OpenTelemetry SDK, sampler, OTLP exporter. Imported only while tracing is on.

Sampling is parent-based: a caller's decision is followed, a new trace is recorded with the share that
OTEL_TRACES_SAMPLER (with OTEL_TRACES_SAMPLER_ARG), else OTEL_SAMPLE_RATE, else the service's settings say.
OTEL_EXPORTER_OTLP_PROTOCOL chooses `http/protobuf` (the default of the specification) or `grpc`. Headers, TLS files,
time-outs, batch sizes and the other standard variables are read by the SDK itself, from the process's environment.
"""

import logging
import threading
from collections.abc import Mapping, Sequence
from urllib.parse import unquote

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider, sampling
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from ai_stack.service.logs import get_logger
from ai_stack.service.settings import SettingsError
from ai_stack.service.tracing import TRACER_NAME

# What these would say for each batch and each dropped span while there is no collector, `QuietExporter` says once.
_NOISY = (
    "opentelemetry.exporter.otlp.common.http",
    "opentelemetry.exporter.otlp.proto.grpc.exporter",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.sdk._shared_internal",
)

_ALWAYS: Mapping[str, sampling.Sampler] = {
    "always_on": sampling.ALWAYS_ON,
    "always_off": sampling.ALWAYS_OFF,
    "parentbased_always_on": sampling.DEFAULT_ON,
    "parentbased_always_off": sampling.DEFAULT_OFF,
}

log = get_logger(__name__)


class ExportPipeline:
    """Records spans and sends them to the OTLP endpoint of `environ` from a thread of its own.

    Args and errors: see `ai_stack.service.tracing.configure`.
    """

    def __init__(self, service: str, version: str, sample_rate: float | None, environ: Mapping[str, str]) -> None:
        sampler = choose_sampler(sample_rate, environ)
        for name in _NOISY:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._exporter = QuietExporter(_otlp_exporter(environ))
        self._processor = BatchSpanProcessor(self._exporter)
        # `shutdown` is called by the service; at exit it could block for 30 s.
        provider = TracerProvider(
            sampler=sampler, resource=describe_service(service, version, environ), shutdown_on_exit=False
        )
        provider.add_span_processor(self._processor)
        self.tracer: trace.Tracer = provider.get_tracer(TRACER_NAME, version)

    def shutdown(self, timeout: float) -> None:
        """Export what is left and stop, in at most about `timeout` seconds."""
        if self._exporter.failing:
            # Ends the retries of the batch in flight; what is queued would only fail too.
            self._exporter.shutdown()
        # The processor's own shutdown waits up to 30 s for its thread.
        worker = threading.Thread(target=self._processor.shutdown, name="trace-shutdown", daemon=True)
        worker.start()
        worker.join(timeout)
        self._exporter.shutdown()


class QuietExporter(SpanExporter):
    """Reports the first failure of a row and the recovery from it, instead of every failure."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._closed = False
        self._lock = threading.Lock()
        self.failing = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if self._closed:
            return SpanExportResult.FAILURE
        try:
            result = self._exporter.export(spans)
            reason = "the collector does not take them"
        except Exception as error:
            result = SpanExportResult.FAILURE
            reason = type(error).__name__
        failed = result is not SpanExportResult.SUCCESS
        if failed and not self.failing and not self._closed:
            log.warning(
                "traces.export_failed", reason=reason, spans_lost=len(spans), note="silent until it works again"
            )
        elif not failed and self.failing:
            log.info("traces.export_resumed")
        self.failing = failed
        return result

    def shutdown(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._exporter.shutdown()


def choose_sampler(sample_rate: float | None, environ: Mapping[str, str]) -> sampling.Sampler:
    """Return the sampler that the environment and the settings ask for (see the module).

    An unknown OTEL_TRACES_SAMPLER is reported and ignored, as the OpenTelemetry specification wants.

    Raises:
        SettingsError: OTEL_SAMPLE_RATE is not a number from 0 to 1.
    """
    name = environ.get("OTEL_TRACES_SAMPLER", "").strip().lower()
    if name in _ALWAYS:
        return _ALWAYS[name]
    if name in ("traceidratio", "parentbased_traceidratio"):
        ratio = _ratio(environ.get("OTEL_TRACES_SAMPLER_ARG", ""))
        if ratio is None:
            log.warning("traces.bad_setting", variable="OTEL_TRACES_SAMPLER_ARG", used=1.0)
            ratio = 1.0
        by_ratio = sampling.TraceIdRatioBased(ratio)
        return by_ratio if name == "traceidratio" else sampling.ParentBased(by_ratio)
    if name:
        log.warning("traces.bad_setting", variable="OTEL_TRACES_SAMPLER", value=name)
    if given := environ.get("OTEL_SAMPLE_RATE", "").strip():
        sample_rate = _ratio(given)
        if sample_rate is None:
            raise SettingsError(f"OTEL_SAMPLE_RATE must be a number from 0 to 1, not {given!r}")
    return sampling.ParentBased(sampling.TraceIdRatioBased(1.0 if sample_rate is None else sample_rate))


def describe_service(service: str, version: str, environ: Mapping[str, str]) -> Resource:
    """Return the attributes of all spans: ours, overridden by OTEL_RESOURCE_ATTRIBUTES, by OTEL_SERVICE_NAME."""
    attributes = {"service.name": service, "service.version": version}
    for item in environ.get("OTEL_RESOURCE_ATTRIBUTES", "").split(","):
        key, separator, value = item.partition("=")
        if separator and key.strip():
            attributes[key.strip()] = unquote(value.strip())
    if name := environ.get("OTEL_SERVICE_NAME", "").strip():
        attributes["service.name"] = name
    return Resource.create(attributes)


def _ratio(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value <= 1 else None


def _otlp_exporter(environ: Mapping[str, str]) -> SpanExporter:
    protocol = environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "")
    endpoint = environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "").strip()
    base = environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").strip()
    if protocol.strip().lower() == "grpc":
        # Each exporter is imported only when chosen: grpc alone costs 10 MB and threads.
        from opentelemetry.exporter.otlp.proto.grpc import trace_exporter as grpc_exporter  # noqa: PLC0415 - one of the two protocols is loaded

        return grpc_exporter.OTLPSpanExporter(endpoint=endpoint or base)
    if protocol.strip().lower() not in ("", "http/protobuf"):
        log.warning("traces.bad_setting", variable="OTEL_EXPORTER_OTLP_PROTOCOL", value=protocol)
    from opentelemetry.exporter.otlp.proto.http import trace_exporter as http_exporter  # noqa: PLC0415 - one of the two protocols is loaded

    return http_exporter.OTLPSpanExporter(endpoint=endpoint or f"{base.removesuffix('/')}/v1/traces")
