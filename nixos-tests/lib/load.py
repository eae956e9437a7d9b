"""Clients of the stack at work, with nothing but the standard library: they run on the machines of the stories.

usage: load.py --url URL --authority FILE --header FILE --mix MIX [--workers N] [--requests N | --until FILE]
               [--retry] [--timeout SECONDS] [--acknowledged FILE]

MIX: `embed` (one text each), or `documents` (store one, read it back, search). With --retry, a refusal or a lost
connection is tried again, as a careful client does, and counted. Prints one JSON object: requests, failed, retried,
wrong (answers that are not what was stored), statuses. Whatever was acknowledged is a line of the file: id and path.
"""

import argparse
import http.client
import json
import ssl
import threading
import time
import urllib.parse
from pathlib import Path
from typing import Any

RETRIED = {0, 408, 429, 500, 502, 503, 504}


class Client:
    """One connection, opened again when it is lost."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._url = urllib.parse.urlsplit(options.url)
        self._timeout = options.timeout
        self._context = ssl.create_default_context(cafile=options.authority)
        name, _, value = Path(options.header).read_text().strip().partition(": ")
        self._headers = {name: value, "Content-Type": "application/json"}
        self._connection: http.client.HTTPSConnection | None = None

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Return status and body; status 0 when the connection was refused or lost."""
        if self._connection is None:
            self._connection = http.client.HTTPSConnection(
                self._url.hostname or "", self._url.port, timeout=self._timeout, context=self._context
            )
        try:
            text = None if body is None else json.dumps(body)
            self._connection.request(method, path, text, self._headers)
            response = self._connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            self._connection = None
            return 0, None
        try:
            return response.status, json.loads(content)
        except ValueError:
            return response.status, None


class Work:
    """What the workers share."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.lock = threading.Lock()
        self.begun = 0
        self.retried = 0
        self.failed = 0
        self.wrong = 0
        self.statuses: dict[int, int] = {}

    def next(self) -> int | None:
        """Return the number of the next request; None when there is none."""
        with self.lock:
            if self.options.until is not None:
                over = Path(self.options.until).exists()
            else:
                over = self.begun >= self.options.requests
            if over:
                return None
            self.begun += 1
            return self.begun

    def count(self, status: int, *, final: bool) -> None:
        """Count an answer."""
        with self.lock:
            self.statuses[status] = self.statuses.get(status, 0) + 1
            if status // 100 != 2:
                self.retried += not final
                self.failed += final

    def acknowledge(self, number: int, path: str) -> None:
        """Write down what the stack has promised to keep."""
        if self.options.acknowledged is not None:
            with self.lock, Path(self.options.acknowledged).open("a") as file:
                file.write(f"{number} {path}\n")


def run(work: Work) -> None:
    """One worker: a request after the other."""
    client = Client(work.options)

    def ask(method: str, path: str, body: Any = None) -> tuple[int, Any]:
        while True:
            status, answer = client.ask(method, path, body)
            again = work.options.retry and status in RETRIED
            work.count(status, final=not again)
            if not again:
                return status, answer
            time.sleep(0.2)

    while (number := work.next()) is not None:
        if work.options.mix == "embed":
            status, answer = ask(
                "POST", "/embeddings/embed", {"inputs": f"Sentence number {number} about the harbour."}
            )
            if status == 200 and not (isinstance(answer, list) and len(answer) == 1 and len(answer[0]) == 384):
                work.wrong += 1
            continue
        path = f"load/{number}.md"
        content = f"# Page {number}\n\nThe ship vessel{number} lies at quay {number % 7}.\n"
        status, answer = ask("POST", "/aidb/documents", {"path": path, "content": content})
        if status // 100 != 2:
            continue
        work.acknowledge(answer["id"], path)
        status, answer = ask("GET", f"/aidb/documents/{answer['id']}")
        if status == 200 and answer["content"] != content:
            work.wrong += 1
        status, answer = ask("POST", "/aidb/search", {"query": f"vessel{number}", "limit": 5})
        if status == 200 and path not in [result["path"] for result in answer["results"]]:
            work.wrong += 1


def main() -> None:
    """Run all workers to their end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--authority", required=True)
    parser.add_argument("--header", required=True)
    parser.add_argument("--mix", choices=("embed", "documents"), required=True)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--requests", type=int, default=100)
    parser.add_argument("--until")
    parser.add_argument("--retry", action="store_true")
    parser.add_argument("--timeout", type=float, default=60)
    parser.add_argument("--acknowledged")
    work = Work(parser.parse_args())
    workers = [threading.Thread(target=run, args=(work,)) for _ in range(work.options.workers)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    print(
        json.dumps(
            {
                "requests": work.begun,
                "failed": work.failed,
                "retried": work.retried,
                "wrong": work.wrong,
                "statuses": work.statuses,
            }
        )
    )


if __name__ == "__main__":
    main()
