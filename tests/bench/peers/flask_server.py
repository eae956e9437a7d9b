"""A server of the design that this project's embeddings service replaces: `flask_server.py MODEL_DIRECTORY PORT`.

Flask's threaded server; one worker thread collects up to 64 texts for 25 ms after the first and encodes them with
sentence-transformers. Runs in an environment of its own and imports nothing of this project.
"""

# mypy: disable-error-code="import-not-found,untyped-decorator"

import queue
import sys
import threading
import time
from typing import Any

from flask import Flask, Response, jsonify, request
from sentence_transformers import SentenceTransformer

MAX_TEXTS = 64
WINDOW = 0.025
TIMEOUT = 30.0

app = Flask(__name__)
model = SentenceTransformer(sys.argv[1], device="cpu")
waiting: "queue.Queue[dict[str, Any]]" = queue.Queue(1024)


def work() -> None:
    """Encode batches for ever."""
    carried: dict[str, Any] | None = None
    while True:
        batch = [carried or waiting.get()]
        carried = None
        texts = len(batch[0]["texts"])
        end = time.monotonic() + WINDOW
        while texts < MAX_TEXTS and (left := end - time.monotonic()) > 0:
            try:
                item = waiting.get(timeout=left)
            except queue.Empty:
                break
            if texts + len(item["texts"]) > MAX_TEXTS:
                carried = item
                break
            batch.append(item)
            texts += len(item["texts"])
        vectors = model.encode([text for item in batch for text in item["texts"]], show_progress_bar=False)
        start = 0
        for item in batch:
            item["vectors"] = vectors[start : start + len(item["texts"])].tolist()
            start += len(item["texts"])
            item["done"].set()


@app.post("/embed")
def embed() -> "Response | tuple[Response, int]":
    """One vector per text."""
    given = request.get_json()["inputs"]
    item: dict[str, Any] = {"texts": [given] if isinstance(given, str) else given, "done": threading.Event()}
    try:
        waiting.put(item, timeout=0.1)
    except queue.Full:
        return jsonify(error="overloaded"), 503
    if not item["done"].wait(TIMEOUT):
        return jsonify(error="timeout"), 504
    return jsonify(item["vectors"])


if __name__ == "__main__":
    threading.Thread(target=work, daemon=True).start()
    app.run("127.0.0.1", int(sys.argv[2]), threaded=True)
