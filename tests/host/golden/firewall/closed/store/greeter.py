"""A program of somebody else: an HTTP server that knows nothing of the stack. It listens where HOST and PORT say."""

import http.server
import json
import os


class Greeter(http.server.BaseHTTPRequestHandler):
    """Answers with the path and the headers that it was sent."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Say what was asked."""
        body = json.dumps({"path": self.path, "headers": {k.lower(): v for k, v in self.headers.items()}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


http.server.ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Greeter).serve_forever()
