"""Where the time of a request went, as spans."""

from opentelemetry import trace

from support.http import Api
from support.spans import MemoryPipeline


async def test_a_request_shows_tokenizing_waiting_and_computing(embeddings: Api, recorded: MemoryPipeline) -> None:
    traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    answer = await embeddings("POST", "/embed", json={"inputs": ["a", "b"]}, headers={"traceparent": traceparent})
    assert answer.status == 200
    spans = recorded.spans
    server = spans["POST /embed"].get_span_context()
    assert server is not None
    assert trace.format_trace_id(server.trace_id) == "0af7651916cd43dd8448eb211c80319c"
    for name in ("embeddings.tokenize", "embeddings.queue", "embeddings.infer"):
        parent = spans[name].parent
        assert parent is not None
        assert parent.span_id == server.span_id
        assert (spans[name].attributes or {})["texts"] == 2
