"""Receivers of traces: the real protocol (OTLP over HTTP and gRPC) on real sockets."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span


class Received:
    """Spans that have arrived. `url` is what OTEL_EXPORTER_OTLP_ENDPOINT takes."""

    def __init__(self) -> None:
        self.url = ""
        self._arrived = threading.Condition()
        self._spans: list[tuple[str, Span]] = []

    def add(self, request: ExportTraceServiceRequest) -> None:
        """Keep the spans of one export."""
        with self._arrived:
            for resource in request.resource_spans:
                attributes = {item.key: item.value.string_value for item in resource.resource.attributes}
                for scope in resource.scope_spans:
                    self._spans.extend((attributes["service.name"], span) for span in scope.spans)
            self._arrived.notify_all()

    @property
    def spans(self) -> list[tuple[str, Span]]:
        """Name of the service and span, in the order of arrival."""
        with self._arrived:
            return list(self._spans)

    def wait_for(self, *names: str, timeout: float = 20.0) -> dict[str, Span]:
        """Return the spans of these names, by name, once all have arrived."""
        self._wait(frozenset(names), None, timeout)
        return {span.name: span for _, span in self.spans if span.name in names}

    def wait_for_trace(self, trace_id: str, *names: str, timeout: float = 20.0) -> list[tuple[str, Span]]:
        """Return the spans of a trace, with their services, once spans of these names are among them."""
        self._wait(frozenset(names), bytes.fromhex(trace_id), timeout)
        return [(service, span) for service, span in self.spans if span.trace_id.hex() == trace_id]

    def _wait(self, names: frozenset[str], trace_id: bytes | None, timeout: float) -> None:
        end = time.monotonic() + timeout
        with self._arrived:
            while not names <= (arrived := {span.name for _, span in self._spans if trace_id in (None, span.trace_id)}):
                left = end - time.monotonic()
                assert left > 0, f"arrived: {sorted(arrived)}"
                self._arrived.wait(left)


@contextmanager
def http_receiver(port: int = 0) -> Iterator[Received]:
    """Receive traces by OTLP/HTTP with protobuf (`POST /v1/traces`)."""
    received = Received()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/v1/traces" and self.headers["Content-Type"] == "application/x-protobuf":
                received.add(ExportTraceServiceRequest.FromString(body))
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
            else:
                answer = b""
                self.send_response(400)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    received.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def grpc_receiver() -> Iterator[Received]:
    """Receive traces by OTLP/gRPC."""
    received = Received()

    class Servicer(TraceServiceServicer):
        def Export(  # noqa: N802 - the name is the protocol's
            self, request: ExportTraceServiceRequest, context: grpc.ServicerContext
        ) -> ExportTraceServiceResponse:
            received.add(request)
            return ExportTraceServiceResponse()

    with ThreadPoolExecutor(2) as pool:
        server = grpc.server(pool)
        add_TraceServiceServicer_to_server(Servicer(), server)  # type: ignore[no-untyped-call]
        received.url = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        server.start()
        try:
            yield received
        finally:
            server.stop(grace=0).wait()
