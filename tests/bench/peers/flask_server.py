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


class Refused(Exception):
    """There is no answer: `status` says why."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@app.errorhandler(Refused)
def refused(error: Refused) -> "tuple[Response, int]":
    """The answer to a request that was refused."""
    return jsonify(error="overloaded" if error.status == 503 else "timeout"), error.status


def vectors_of(texts: list[str]) -> "list[list[float]]":
    """Wait for the vectors of texts.

    Raises:
        Refused: too many wait, or it took too long.
    """
    item: dict[str, Any] = {"texts": texts, "done": threading.Event()}
    try:
        waiting.put(item, timeout=0.1)
    except queue.Full:
        raise Refused(503) from None
    if not item["done"].wait(TIMEOUT):
        raise Refused(504)
    vectors: list[list[float]] = item["vectors"]
    return vectors


@app.post("/embed")
def embed() -> Response:
    """One vector per text."""
    given = request.get_json()["inputs"]
    return jsonify(vectors_of([given] if isinstance(given, str) else given))


if __name__ == "__main__":
    threading.Thread(target=work, daemon=True).start()
    app.run("127.0.0.1", int(sys.argv[2]), threaded=True)
