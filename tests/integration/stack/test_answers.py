"""A question gets an answer from the documents, and one trace tells how."""

import pytest

from support.http import api
from support.stack import RunningStack

SERVICES = ("embeddings", "aidb", "nixos-docs", "hybrid-coordinator")


@pytest.mark.parametrize(
    ("question", "fact"),
    [
        ("Who lights the lamp of the lighthouse?", "Marta Oyelaran"),
        ("What is the lighthouse keeper called?", "Marta Oyelaran"),
        ("On which weekday is rye bread made?", "Tuesdays"),
        ("How big is the mirror that watches the stars from the hill?", "two metres"),
    ],
)
async def test_a_question_in_any_words_brings_the_text_that_answers_it(
    stack: RunningStack, question: str, fact: str
) -> None:
    async with api(stack.services["hybrid-coordinator"], stack.key) as hybrid:
        answer = await hybrid("POST", "/augment_query", json={"query": question})
    assert answer.status == 200, answer.body
    body = answer.json
    assert fact in body["augmented_prompt"]
    assert question in body["augmented_prompt"]
    assert body["degraded"] is False
    assert body["context_count"] == len(body["sources"]) >= 1
    assert body["context_ids"] == [source["id"] for source in body["sources"]]


async def test_one_question_is_one_trace_and_one_request_id_through_all_services(stack: RunningStack) -> None:
    trace_id, request_id = "4bf92f3577b34da6a3ce929d0e0e4736", "question-1"
    headers = {"traceparent": f"00-{trace_id}-00f067aa0ba902b7-01", "X-Request-ID": request_id}
    async with api(stack.services["hybrid-coordinator"], stack.key) as hybrid:
        answer = await hybrid(
            "POST", "/augment_query", json={"query": "Who sounds the horn when fog comes in?"}, headers=headers
        )
    assert answer.status == 200
    assert answer.headers["X-Request-ID"] == request_id

    spans = stack.traces.wait_for_trace(
        trace_id,
        frozenset(
            {
                ("hybrid-coordinator", "POST /augment_query"),
                ("hybrid-coordinator", "hybrid.augment_query"),
                ("hybrid-coordinator", "hybrid.embed_text"),
                ("hybrid-coordinator", "hybrid.qdrant.search"),
                ("aidb", "POST /search"),
                ("aidb", "aidb.search_vectors"),
                ("nixos-docs", "POST /search"),
                ("nixos-docs", "nixos_docs.search"),
                ("embeddings", "POST /embed"),
                ("embeddings", "embeddings.infer"),
            }
        ),
    )
    by_id = {span.span_id: (service, span) for service, span in spans}
    assert {service for service, _ in spans} == set(SERVICES)
    roots = [span for _, span in spans if span.parent_span_id not in by_id]
    assert [span.name for span in roots] == ["POST /augment_query"]
    assert roots[0].parent_span_id.hex() == "00f067aa0ba902b7"

    def ancestors(service: str, name: str) -> list[str]:
        span = next(span for of, span in spans if (of, span.name) == (service, name))
        chain = []
        while span.parent_span_id in by_id:
            _, span = by_id[span.parent_span_id]
            chain.append(span.name)
        return chain

    assert "hybrid.embed_text" in ancestors("embeddings", "embeddings.infer")
    assert "hybrid.augment_query" in ancestors("aidb", "aidb.search_vectors")
    assert "hybrid.augment_query" in ancestors("nixos-docs", "nixos_docs.search")

    for service in SERVICES:
        lines = [line for line in stack.log(service) if line.get("trace_id") == trace_id]
        assert lines, service
        assert {line["request_id"] for line in lines} == {request_id}
        assert {line["service"] for line in lines} == {service}


async def test_the_key_is_in_no_log(stack: RunningStack) -> None:
    user_key = (stack.state / "api-key").read_text().strip()
    for log in (stack.state / "log").iterdir():
        content = log.read_text(errors="replace")
        assert stack.key not in content
        assert user_key not in content
