"""All routes of the original's load test on the original's design: `flask_stack.py MODEL_DIRECTORY PORT`.

Each answers as its service did as far as a load test looks, and computes the vectors that its service needed, with
`flask_server`. What the services did besides (databases, searches, prompts) is left out, so that it costs less than the
original did.
"""

# mypy: disable-error-code="import-not-found,untyped-decorator"

import sys
import threading
from typing import Any

import flask_server
from flask import Response, jsonify, request


@flask_server.app.get("/health")
def health() -> Response:
    """That it runs."""
    return jsonify(status="ok")


@flask_server.app.post("/vector/embed")
def vector_embed() -> Any:
    """Vectors of texts."""
    return jsonify(embeddings=flask_server.vectors_of(request.get_json()["texts"]))


@flask_server.app.post("/vector/search")
@flask_server.app.post("/augment_query")
def search() -> Any:
    """The vector of a question, and nothing found."""
    flask_server.vectors_of([request.get_json()["query"]])
    return jsonify(degraded=False, results=[])


if __name__ == "__main__":
    threading.Thread(target=flask_server.work, daemon=True).start()
    flask_server.app.run("127.0.0.1", int(sys.argv[2]), threaded=True)
