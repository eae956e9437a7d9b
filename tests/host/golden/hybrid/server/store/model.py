"""A language model that is none: OpenAI's chat interface, which repeats the last message, word by word.

It listens where HOST and PORT say. A word comes every tenth of a second, so that a reader sees whether somebody between
them waits for the whole.
"""

import http.server
import json
import os
import time


class Model(http.server.BaseHTTPRequestHandler):
    """Answers chats as a stream of events (server-sent events, as OpenAI frames them)."""

    def do_POST(self) -> None:
        """Repeat what was asked."""
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for word in request["messages"][-1]["content"].split():
            choice = {"index": 0, "delta": {"content": f"{word} "}}
            event = {"id": "1", "object": "chat.completion.chunk", "model": request["model"], "choices": [choice]}
            self.wfile.write(b"data: " + json.dumps(event).encode() + b"\n\n")
            self.wfile.flush()
            time.sleep(0.1)
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


http.server.ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Model).serve_forever()
