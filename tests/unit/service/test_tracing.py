"""Traces: propagation with and without recording, and what spans hold."""

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from ai_stack.service import tracing
from ai_stack.service.errors import Unavailable
from ai_stack.service.tracing import client_span, current_ids, in_context, server_span, span, trace_headers
from support.logs import LogLines
from support.spans import MemoryPipeline

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
SAMPLED = {"traceparent": f"00-{TRACE}-{PARENT}-01"}


def ids(finished: ReadableSpan) -> tuple[str, str, str | None]:
    """Trace, own and parent id of a span."""
    context = finished.get_span_context()
    assert context is not None
    parent = trace.format_span_id(finished.parent.span_id) if finished.parent else None
    return trace.format_trace_id(context.trace_id), trace.format_span_id(context.span_id), parent


def test_off_the_callers_context_is_passed_on_unchanged() -> None:
    headers = {**SAMPLED, "tracestate": "a=1,b=2"}
    with server_span(headers, "GET", "/x") as served:
        served.set_status_code(500)
        with span("inner", limit=3), client_span("call"):
            assert trace_headers() == headers
            assert current_ids() == (TRACE, PARENT)


def test_off_a_request_without_a_context_gets_an_unsampled_one() -> None:
    seen = set()
    for _ in range(2):
        with server_span({}, "GET", "/x"):
            trace_id, span_id = current_ids()
            assert trace_headers() == {"traceparent": f"00-{trace_id}-{span_id}-00"}
            seen.add(trace_id)
    assert len(seen) == 2


def test_off_no_trace_exists_outside_of_a_request() -> None:
    with span("background") as idle, client_span("call"):
        idle.set_attribute("a", 1)
        assert trace_headers() == {}


def test_off_exceptions_pass_through() -> None:
    with pytest.raises(ValueError, match="x"), server_span({}, "GET", "/x"), span("inner"):
        raise ValueError("x")


MALFORMED = [
    "", "x", f"00-{TRACE}-{PARENT}", f"00-{'0' * 32}-{PARENT}-01", f"00-{TRACE}-{'0' * 16}-01",
    f"ff-{TRACE}-{PARENT}-01", f"00-{TRACE.upper()}-{PARENT}-01", f"00-{TRACE}-{PARENT}-01-extra",
    f"00-{TRACE}-{PARENT}-01" + "0" * 1000,
]  # fmt: skip


@pytest.mark.parametrize("header", MALFORMED)
def test_a_malformed_context_is_ignored_without_a_word(header: str, log_lines: LogLines) -> None:
    with server_span({"traceparent": header}, "GET", "/x"):
        assert current_ids()[0] not in (None, TRACE)
    assert log_lines.text == ""


@pytest.mark.parametrize(
    "header", ["x", "a=1,a=2", "a=" + "é", ",".join(f"k{n}=1" for n in range(40)), "k=" + "v" * 600]
)
def test_a_malformed_tracestate_is_dropped_without_a_word(header: str, log_lines: LogLines) -> None:
    with server_span({**SAMPLED, "tracestate": header}, "GET", "/x"):
        assert current_ids()[0] == TRACE
    assert log_lines.text == ""


@given(st.text(max_size=600), st.text(max_size=600))
def test_no_header_breaks_a_request(traceparent: str, tracestate: str) -> None:
    with server_span({"traceparent": traceparent, "tracestate": tracestate}, "GET", "/x"):
        assert current_ids()[0] is not None


def test_a_repeated_traceparent_is_ignored_and_a_repeated_tracestate_joined() -> None:
    first, second = f"00-{TRACE}-{PARENT}-01", f"00-{TRACE}-{PARENT}-00"
    with server_span(CIMultiDictProxy(CIMultiDict([("Traceparent", first), ("traceparent", second)])), "GET", "/x"):
        assert current_ids()[0] != TRACE
    headers = CIMultiDictProxy(CIMultiDict([("Traceparent", first), ("tracestate", "a=1"), ("Tracestate", "b=2")]))
    with server_span(headers, "GET", "/x"):
        assert trace_headers()["tracestate"] == "a=1,b=2"


def test_what_is_logged_after_the_request_still_names_its_trace() -> None:
    async def request() -> tuple[str | None, str | None]:
        with server_span(SAMPLED, "GET", "/x"):
            pass
        assert trace_headers() == {}
        return current_ids()

    assert asyncio.run(request()) == (TRACE, PARENT)


def test_spans_of_a_request_form_one_trace(recorded: MemoryPipeline) -> None:
    with (
        server_span(SAMPLED, "POST", "/vector/search"),
        span("aidb.search_vectors", limit=10, project=None, tags=["a", "b"], name=SpanKind.CLIENT),
        client_span("POST embeddings"),
    ):
        sent = trace_headers()
    server, inner, client = (
        recorded.spans[n] for n in ("POST /vector/search", "aidb.search_vectors", "POST embeddings")
    )
    assert ids(server)[0] == TRACE
    assert ids(server)[2] == PARENT
    assert ids(inner)[2] == ids(server)[1]
    assert ids(client)[2] == ids(inner)[1]
    assert sent["traceparent"] == f"00-{TRACE}-{ids(client)[1]}-01"
    assert (server.kind, inner.kind, client.kind) == (SpanKind.SERVER, SpanKind.INTERNAL, SpanKind.CLIENT)
    assert inner.attributes == {"limit": 10, "tags": ("a", "b"), "name": "SpanKind.CLIENT"}


def test_a_request_without_a_context_begins_a_trace(recorded: MemoryPipeline) -> None:
    with server_span({}, "GET", "/x"):
        inside = current_ids()
    finished = recorded.spans["GET /x"]
    assert ids(finished) == (*inside, None)


def test_an_unsampled_trace_is_passed_on_but_not_recorded(recorded: MemoryPipeline) -> None:
    with server_span({"traceparent": f"00-{TRACE}-{PARENT}-00"}, "GET", "/x"), span("inner"):
        assert current_ids()[0] == TRACE
        assert trace_headers()["traceparent"].endswith("-00")
    assert recorded.spans == {}


@pytest.mark.parametrize(
    ("status", "code"), [(200, StatusCode.UNSET), (404, StatusCode.UNSET), (503, StatusCode.ERROR)]
)
def test_only_errors_of_the_server_mark_its_span(recorded: MemoryPipeline, status: int, code: StatusCode) -> None:
    with server_span({}, "GET", "/x") as served:
        served.set_status_code(status)
    finished = recorded.spans["GET /x"]
    assert finished.status.status_code is code
    expected = {"http.request.method": "GET", "http.route": "/x", "http.response.status_code": status}
    assert finished.attributes == expected | ({"error.type": "503"} if status == 503 else {})


def test_an_invented_method_does_not_name_a_span(recorded: MemoryPipeline) -> None:
    with server_span({}, "BREW", "/pot"):
        pass
    attributes = recorded.spans["HTTP /pot"].attributes
    assert attributes is not None
    assert attributes["http.request.method"] == "_OTHER"


def test_an_exception_is_recorded_by_type_without_its_text(recorded: MemoryPipeline) -> None:
    with pytest.raises(ValueError, match="hunter2"), span("a"):
        raise ValueError("the password is hunter2")
    finished = recorded.spans["a"]
    assert finished.status.status_code is StatusCode.ERROR
    assert finished.status.description == "ValueError"
    assert [(event.name, event.attributes) for event in finished.events] == [
        ("exception", {"exception.type": "ValueError"})
    ]
    assert "hunter2" not in finished.to_json()


def test_the_message_of_a_service_error_is_recorded(recorded: MemoryPipeline) -> None:
    with pytest.raises(Unavailable), span("a"):
        raise Unavailable("the queue is full")
    assert recorded.spans["a"].events[0].attributes == {
        "exception.type": "ai_stack.service.errors.Unavailable",
        "exception.message": "the queue is full",
    }


async def test_a_cancelled_operation_is_marked(recorded: MemoryPipeline) -> None:
    async def work() -> None:
        with span("a"):
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert recorded.spans["a"].status.description == "asyncio.exceptions.CancelledError"


def test_an_exception_turned_into_an_answer_can_still_be_recorded(recorded: MemoryPipeline) -> None:
    with server_span({}, "GET", "/x") as served:
        tracing.record_exception(KeyError("x"))
        served.set_status_code(500)
    finished = recorded.spans["GET /x"]
    assert finished.attributes is not None
    assert finished.attributes["error.type"] == "KeyError"
    assert finished.status.status_code is StatusCode.ERROR
    assert len(finished.events) == 1


async def test_concurrent_tasks_keep_their_traces_apart(recorded: MemoryPipeline) -> None:
    async def serve(number: int) -> None:
        traceparent = f"00-{number:032x}-{PARENT}-01"
        with server_span({"traceparent": traceparent}, "GET", f"/{number}"):
            await asyncio.sleep(0)
            await asyncio.gather(*(step(number, index) for index in range(3)))

    async def step(number: int, index: int) -> None:
        with span(f"{number}.{index}"):
            await asyncio.sleep(0)
            assert current_ids()[0] == f"{number:032x}"

    await asyncio.gather(*(serve(number) for number in range(1, 20)))
    for number in range(1, 20):
        server = recorded.spans[f"GET /{number}"]
        for index in range(3):
            assert ids(recorded.spans[f"{number}.{index}"])[2] == ids(server)[1]


def test_a_function_for_threads_takes_its_context_along(recorded: MemoryPipeline) -> None:
    with ThreadPoolExecutor(4) as pool, server_span(SAMPLED, "GET", "/x"):
        bound = in_context(lambda _number: current_ids()[0])
        assert set(pool.map(bound, range(100))) == {TRACE}
        assert set(pool.map(lambda _number: current_ids()[0], range(100))) == {None}


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": " "},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACING_ENABLED": "False"},
        {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"},
        {"OTEL_SAMPLE_RATE": "1.0"},
    ],
)
def test_tracing_is_off_unless_asked_for(environ: dict[str, str]) -> None:
    handle = tracing.configure("tested", "1.2.3", None, environ)
    assert not handle.enabled
    handle.shutdown()


def test_off_the_sdk_is_not_imported() -> None:
    program = """
import sys, threading
from ai_stack.service import tracing
tracing.configure("tested", "1.2.3", 1.0, {})
with tracing.server_span({}, "GET", "/x"), tracing.span("a"):
    assert tracing.trace_headers()
assert not [name for name in sys.modules if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter", "grpc"))]
assert threading.active_count() == 1
"""
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=60)
