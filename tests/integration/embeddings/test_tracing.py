"""Where the time of a request went, as spans."""

from collections.abc import Iterator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from ai_stack.service import tracing
from support.http import Api


class MemoryPipeline:
    """Keeps finished spans."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer: trace.Tracer = provider.get_tracer("tests")

    def shutdown(self, timeout: float) -> None:
        self.exporter.shutdown()


@pytest.fixture
def recorded() -> Iterator[InMemorySpanExporter]:
    pipeline = MemoryPipeline()
    handle = tracing.activate(pipeline)
    yield pipeline.exporter
    handle.shutdown()


async def test_a_request_shows_tokenizing_waiting_and_computing(
    embeddings: Api, recorded: InMemorySpanExporter
) -> None:
    traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    answer = await embeddings("POST", "/embed", json={"inputs": ["a", "b"]}, headers={"traceparent": traceparent})
    assert answer.status == 200
    spans = {span.name: span for span in recorded.get_finished_spans()}
    server = spans["POST /embed"].get_span_context()
    assert server is not None
    assert trace.format_trace_id(server.trace_id) == "0af7651916cd43dd8448eb211c80319c"
    for name in ("embeddings.tokenize", "embeddings.queue", "embeddings.infer"):
        parent = spans[name].parent
        assert parent is not None
        assert parent.span_id == server.span_id
        assert (spans[name].attributes or {})["texts"] == 2
