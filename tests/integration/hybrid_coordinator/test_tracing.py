"""One question is one trace, with a span for each search."""

from support.http import Api
from support.spans import MemoryPipeline

from .fakes import Others

QUESTION = "How do I open a port in the firewall?"


async def test_every_search_is_a_span_of_the_question(recorded: MemoryPipeline, hybrid: Api, fakes: Others) -> None:
    await hybrid("POST", "/augment_query", json={"query": QUESTION})
    spans = recorded.spans
    question = spans["hybrid.augment_query"]
    assert question.attributes is not None
    assert dict(question.attributes) == {"agent_type": "remote", "query_length": len(QUESTION), "context_found": True}
    assert question.context is not None
    for name, attributes in (
        ("hybrid.embed_text", {"text_length": len(QUESTION)}),
        ("hybrid.aidb.search", {"mode": "hybrid", "limit": 10}),
        ("hybrid.nixos_docs.search", {"limit": 10}),
        ("hybrid.qdrant.search", {"collection": "best-practices"}),
    ):
        span = spans[name]
        assert dict(span.attributes or {}) == attributes
        assert span.parent is not None
        assert span.parent.span_id == question.context.span_id
    assert question.parent is not None
    assert question.parent.span_id == spans["POST /augment_query"].context.span_id


async def test_the_trace_goes_on_in_the_other_services(recorded: MemoryPipeline, hybrid: Api, fakes: Others) -> None:
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    headers = {"traceparent": f"00-{trace_id}-b7ad6b7169203331-01"}
    await hybrid("POST", "/augment_query", json={"query": QUESTION}, headers=headers)
    calls = [*fakes.embeddings.called("/embed"), *fakes.aidb.called("/search"), *fakes.docs.called("/search")]
    assert [call.headers["traceparent"].split("-")[1] for call in calls] == [trace_id] * 3
