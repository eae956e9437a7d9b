"""Traces reach a real OTLP receiver, and a missing one disturbs nobody."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest

from ai_stack.service import tracing
from ai_stack.service.tracing import Tracing, client_span, server_span, span, trace_headers
from support.logs import LogLines
from support.otlp import Received, grpc_receiver, http_receiver
from support.waiting import PATIENCE

# What a shutdown may take on a busy machine, when it is to give up after tracing.SHUTDOWN_TIMEOUT.
SOON = tracing.SHUTDOWN_TIMEOUT + 3.0


@pytest.fixture
def silent() -> Iterator[str]:
    """A collector that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def absent() -> str:
    """The address of a collector that is not there."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


def configured(monkeypatch: pytest.MonkeyPatch, url: str, **environ: str) -> Tracing:
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": url, **environ}
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    handle = tracing.configure("tested", "1.2.3", 1.0, environ)
    assert handle.enabled
    return handle


def seconds_of_shutdown(handle: Tracing) -> float:
    begun = time.monotonic()
    handle.shutdown()
    return time.monotonic() - begun


def wait_for_line(log_lines: LogLines, event: str) -> None:
    end = time.monotonic() + PATIENCE
    while not log_lines.named(event):
        assert time.monotonic() < end, log_lines.text
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("protocol", "receiver"), [("http/protobuf", http_receiver), ("", http_receiver), ("grpc", grpc_receiver)]
)
def test_spans_of_two_services_arrive_as_one_trace(
    monkeypatch: pytest.MonkeyPatch,
    protocol: str,
    receiver: type[AbstractContextManager[Received]],
    log_lines: LogLines,
) -> None:
    with receiver() as received:
        environ = {"OTEL_EXPORTER_OTLP_PROTOCOL": protocol} if protocol else {}
        handle = configured(monkeypatch, received.url, **environ)
        with server_span({}, "POST", "/outer") as served:
            with client_span("call"):
                headers = trace_headers()
            served.set_status_code(200)
        with server_span(headers, "GET", "/inner"), span("work", count=3):
            pass
        handle.shutdown(timeout=20)
        spans = received.wait_for("POST /outer", "call", "GET /inner", "work")
    assert {service for service, _ in received.spans} == {"tested"}
    assert len({finished.trace_id for finished in spans.values()}) == 1
    assert spans["POST /outer"].parent_span_id == b""
    assert spans["call"].parent_span_id == spans["POST /outer"].span_id
    assert spans["GET /inner"].parent_span_id == spans["call"].span_id
    assert spans["work"].parent_span_id == spans["GET /inner"].span_id
    assert log_lines.text == ""


def test_an_absent_collector_is_reported_once_and_its_return_too(
    monkeypatch: pytest.MonkeyPatch, absent: str, log_lines: LogLines
) -> None:
    handle = configured(
        monkeypatch,
        absent,
        OTEL_BSP_SCHEDULE_DELAY="10",
        OTEL_EXPORTER_OTLP_TIMEOUT="2",
        OTEL_BSP_MAX_QUEUE_SIZE="512",
    )
    wait = time.monotonic() + PATIENCE
    with server_span({}, "GET", "/x"):
        for _ in range(2000):
            with span("lost"):
                pass
    wait_for_line(log_lines, "traces.export_failed")
    for _ in range(2000):
        with server_span({}, "GET", "/x"):
            pass
    with http_receiver(int(absent.rpartition(":")[2])) as received:
        while not log_lines.named("traces.export_resumed"):
            assert time.monotonic() < wait, log_lines.text
            with span("found"):
                pass
            time.sleep(0.01)
        handle.shutdown()
        received.wait_for("found")
    assert [line["event"] for line in log_lines.all()] == ["traces.export_failed", "traces.export_resumed"]


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
@pytest.mark.parametrize("collector", ["absent", "silent"])
def test_a_shutdown_does_not_wait_for_a_collector_that_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, collector: str, protocol: str, log_lines: LogLines
) -> None:
    url = request.getfixturevalue(collector)
    handle = configured(monkeypatch, url, OTEL_EXPORTER_OTLP_PROTOCOL=protocol)
    with span("lost"):
        pass
    assert seconds_of_shutdown(handle) < SOON
    assert len(log_lines.all()) <= 1


def test_a_shutdown_tries_nothing_more_when_the_collector_is_known_to_be_absent(
    monkeypatch: pytest.MonkeyPatch, absent: str, log_lines: LogLines
) -> None:
    handle = configured(monkeypatch, absent, OTEL_BSP_SCHEDULE_DELAY="10", OTEL_EXPORTER_OTLP_TIMEOUT="0.2")
    with span("lost"):
        pass
    wait_for_line(log_lines, "traces.export_failed")
    begun = time.monotonic()
    handle.shutdown(timeout=20)
    assert time.monotonic() - begun < SOON
    assert len(log_lines.all()) == 1


def test_an_unknown_protocol_is_reported_and_the_default_used(
    monkeypatch: pytest.MonkeyPatch, log_lines: LogLines
) -> None:
    with http_receiver() as received:
        handle = configured(monkeypatch, received.url, OTEL_EXPORTER_OTLP_PROTOCOL="http/json")
        with span("found"):
            pass
        handle.shutdown()
        received.wait_for("found")
    assert [line["variable"] for line in log_lines.all()] == ["OTEL_EXPORTER_OTLP_PROTOCOL"]


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_a_process_ends_although_its_collector_hangs(silent: str, protocol: str) -> None:
    program = f"""
import time
from ai_stack.service import tracing
handle = tracing.configure("tested", "1", 1.0, {{
    "OTEL_EXPORTER_OTLP_ENDPOINT": {silent!r}, "OTEL_EXPORTER_OTLP_PROTOCOL": {protocol!r}}})
with tracing.server_span({{}}, "GET", "/x"):
    pass
begun = time.monotonic()
handle.shutdown()
assert time.monotonic() - begun < {SOON}
"""
    finished = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=SOON + 15, check=True
    )
    assert finished.stderr == ""


def test_grpc_is_imported_only_when_chosen() -> None:
    program = """
import sys
from ai_stack.service import tracing
handle = tracing.configure("tested", "1", 1.0, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"})
assert handle.enabled
assert "grpc" not in sys.modules
handle.shutdown()
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
