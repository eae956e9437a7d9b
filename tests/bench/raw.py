"""The engine alone on the same texts: `raw.py MODEL_DIRECTORY CACHE_DIRECTORY WORKERS TEXTS TOKENS SECONDS`.

Reads texts as a JSON list from standard input, tokenizes them beforehand, and computes them again and again: TEXTS of
them to a call, in the order in which they come, each filled up to the longest of its call with padding that is computed
like any token; or with TEXTS 0 sorted by length, as many to a call as fit into TOKENS.
Prints texts per second and per CPU-second.
"""

# ruff: noqa: T201 - a command prints

import json
import random
import resource
import sys
import threading
import time
from pathlib import Path

import numpy as np

from ai_stack.embeddings.engine import OnnxEngine, TokenIds
from ai_stack.embeddings.export import export_onnx, onnx_path
from ai_stack.embeddings.model import read_model
from ai_stack.embeddings.tokens import TextTokenizer


def batches(texts: list[TokenIds], budget: int) -> list[list[TokenIds]]:
    """Group texts of similar length."""
    made: list[list[TokenIds]] = []
    for text in sorted(texts, key=len):
        if made and len(text) * (len(made[-1]) + 1) <= budget:
            made[-1].append(text)
        else:
            made.append([text])
    return made


def padded(texts: list[TokenIds]) -> list[TokenIds]:
    """Fill all texts up to the length of the longest."""
    width = max(map(len, texts))
    return [np.pad(text, (0, width - len(text))) for text in texts]


def main(model: str, cache: str, workers: int, size: int, budget: int, seconds: float) -> None:
    """Measure and print."""
    spec = read_model(Path(model), "bench")
    path = onnx_path(spec, Path(cache))
    if not path.exists():
        export_onnx(spec, Path(cache))
    engine = OnnxEngine(spec, path)
    # Shuffled, since time may run out before the last.
    tokenized = [text.ids for text in TextTokenizer(spec).encode(json.load(sys.stdin))]
    if size:
        work = [padded(tokenized[start : start + size]) for start in range(0, len(tokenized), size)]
    else:
        work = batches(tokenized, budget)
    random.Random(1).shuffle(work)
    done = [0] * workers
    engine.embed(work[0])
    cpu = _cpu()
    begun = time.perf_counter()

    def loop(worker: int) -> None:
        number = worker
        while time.perf_counter() - begun < seconds:
            batch = work[number % len(work)]
            engine.embed(batch)
            done[worker] += len(batch)
            number += workers

    threads = [threading.Thread(target=loop, args=(worker,)) for worker in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - begun
    texts = sum(done)
    speed, thrift = texts / elapsed, texts / max(_cpu() - cpu, 0.01)
    print(json.dumps({"texts_per_second": speed, "texts_per_cpu_second": thrift}))


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]), float(sys.argv[6]))
