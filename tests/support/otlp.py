"""Receivers of traces: the real protocol (OTLP over HTTP and gRPC) on real sockets."""

import threading
import time
from collections.abc import Callable, Iterator
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

    def wait_for(self, *names: str, timeout: float = 60.0) -> dict[str, Span]:
        """Return the spans of these names, by name, once all have arrived."""
        wanted = frozenset(names)
        spans = self._wait(lambda arrived: wanted <= {span.name for _, span in arrived}, timeout)
        return {span.name: span for _, span in spans if span.name in wanted}

    def wait_for_trace(
        self, trace_id: str, spans: frozenset[tuple[str, str]], timeout: float = 60.0
    ) -> list[tuple[str, Span]]:
        """Return the spans of a trace, with their services, once these (service, name) and all parents but one came.

        Each service exports at its own time: a child may arrive long before its parent.
        """

        def of_trace(arrived: list[tuple[str, Span]]) -> list[tuple[str, Span]]:
            return [(service, span) for service, span in arrived if span.trace_id.hex() == trace_id]

        def complete(arrived: list[tuple[str, Span]]) -> bool:
            there = of_trace(arrived)
            ids = {span.span_id for _, span in there}
            parents_missing = {span.parent_span_id for _, span in there} - ids
            return spans <= {(service, span.name) for service, span in there} and len(parents_missing) == 1

        return of_trace(self._wait(complete, timeout))

    def _wait(self, enough: Callable[[list[tuple[str, Span]]], bool], timeout: float) -> list[tuple[str, Span]]:
        end = time.monotonic() + timeout
        with self._arrived:
            while not enough(self._spans):
                left = end - time.monotonic()
                assert left > 0, f"arrived: {sorted((service, span.name) for service, span in self._spans)}"
                self._arrived.wait(left)
            return list(self._spans)


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
