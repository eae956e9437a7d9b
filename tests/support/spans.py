"""Tracing into memory."""

from collections.abc import Iterator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from ai_stack.service import tracing


class MemoryPipeline:
    """Keeps finished spans."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer: trace.Tracer = provider.get_tracer("tests")

    def shutdown(self, timeout: float) -> None:
        self.exporter.shutdown()

    @property
    def spans(self) -> dict[str, ReadableSpan]:
        """Finished spans by name."""
        return {finished.name: finished for finished in self.exporter.get_finished_spans()}


@pytest.fixture
def recorded() -> Iterator[MemoryPipeline]:
    """Tracing is on and spans are kept."""
    pipeline = MemoryPipeline()
    handle = tracing.activate(pipeline)
    yield pipeline
    handle.shutdown()
