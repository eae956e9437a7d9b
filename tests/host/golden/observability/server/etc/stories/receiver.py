"""Takes spans by OTLP over HTTP and appends each body to a file as one line of hexadecimal digits.

usage: receiver.py PORT FILE
"""

import http.server
import sys
from pathlib import Path


class Receiver(http.server.BaseHTTPRequestHandler):
    """Accepts everything (OTLP specification, "OTLP/HTTP Response": an empty body is a full success)."""

    def do_POST(self) -> None:
        """Keep the body."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with Path(sys.argv[2]).open("a") as file:
            file.write(f"{body.hex()}\n")
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
