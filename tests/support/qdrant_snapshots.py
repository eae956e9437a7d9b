"""Qdrant's interface for snapshots and aliases, for the programs that back up and restore.

There is no Qdrant server to be had from the package index. A snapshot here is a JSON list of the points.
"""

import email.message
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass
class QdrantSnapshots:
    """The server's state.

    Attributes:
        key: the API key that it asks for.
        collections: points by the name of the collection.
        aliases: collections by alias.
        snapshots: snapshots on the server, by collection and name.
        fails: a pattern of "METHOD path" that is answered with an error.
        url: where it listens.
    """

    key: str
    collections: dict[str, list[Any]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    snapshots: dict[tuple[str, str], bytes] = field(default_factory=dict)
    fails: str | None = None
    url: str = ""

    def answer(self, method: str, path: list[str], query: dict[str, list[str]], body: bytes) -> Any:
        """Return the result of a request: JSON data, or bytes for a download.

        Raises:
            LookupError: the request cannot be served.
        """
        match method, *path:
            case "GET", "collections":
                return {"collections": [{"name": name} for name in self.collections]}
            case "GET", "aliases":
                pairs = self.aliases.items()
                return {"aliases": [{"alias_name": alias, "collection_name": name} for alias, name in pairs]}
            case "POST", "collections", "aliases":
                for action in json.loads(body)["actions"]:
                    create = action["create_alias"]
                    if create["collection_name"] not in self.collections:
                        raise LookupError(create["collection_name"])
                    self.aliases[create["alias_name"]] = create["collection_name"]
                return True
            case "POST", "collections", name, "snapshots":
                content = json.dumps(self.collections[name]).encode()
                snapshot = f"{name}-{len(self.snapshots)}.snapshot"
                self.snapshots[name, snapshot] = content
                return {"name": snapshot, "size": len(content), "checksum": hashlib.sha256(content).hexdigest()}
            case "GET", "collections", name, "snapshots", snapshot:
                return self.snapshots[name, snapshot]
            case "DELETE", "collections", name, "snapshots", snapshot:
                del self.snapshots[name, snapshot]
                return True
            case "POST", "collections", name, "snapshots", "upload":
                if hashlib.sha256(body).hexdigest() != query["checksum"][0]:
                    raise LookupError("checksum")
                self.collections[name] = json.loads(body)
                return True
        raise LookupError(" ".join([method, *path]))


def _handler(store: QdrantSnapshots) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            content_type = self.headers.get("Content-Type", "")
            if content_type.startswith("multipart/form-data"):
                message = email.message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
                parts = message.get_payload()
                assert isinstance(parts, list)
                (part,) = parts
                assert isinstance(part, email.message.Message)
                assert part.get_param("name", header="Content-Disposition") == "snapshot"
                payload = part.get_payload(decode=True)
                assert isinstance(payload, bytes)
                body = payload
            status, answer = self.outcome(body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def outcome(self, body: bytes) -> tuple[int, bytes]:
            if self.headers.get("api-key") != store.key:
                return 403, b'{"status": {"error": "forbidden"}}'
            url = urlsplit(self.path)
            if store.fails and re.search(store.fails, f"{self.command} {url.path}"):
                return 500, b'{"status": {"error": "disk full"}}'
            path = [unquote(part) for part in url.path.strip("/").split("/")]
            try:
                result = store.answer(self.command, path, parse_qs(url.query), body)
            except LookupError as error:
                return 404, json.dumps({"status": {"error": str(error)}}).encode()
            return 200, result if isinstance(result, bytes) else json.dumps({"result": result}).encode()

        do_GET = do_POST = do_DELETE = respond  # noqa: N815 -- the names that http.server looks for

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler


@contextmanager
def qdrant_snapshots(key: str) -> Iterator[QdrantSnapshots]:
    """Run the server in a thread, on a free port of the loopback address."""
    store = QdrantSnapshots(key)
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(store)) as server:
        store.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield store
        finally:
            server.shutdown()
            thread.join()
