"""The service against sentence-transformers' own `encode`, on 500 texts in many scripts and lengths."""

import asyncio
import importlib.util
import random
from pathlib import Path
from types import ModuleType

import numpy as np

from ai_stack.embeddings.engine import Vectors, unit_length
from support.http import Api

from .reference import Reference

_DATA = Path(__file__).parents[2] / "data" / "minilm"
_SENTENCES = 37  # of the reference: one script each, before its paragraphs


def mixed_texts(reference: Reference) -> list[str]:
    """The texts, once it is certain that they are those that were encoded."""
    spec = importlib.util.spec_from_file_location("texts", _DATA / "texts.py")
    assert spec is not None
    assert spec.loader is not None
    module = ModuleType("texts")
    spec.loader.exec_module(module)
    texts: list[str] = module.mixed_texts(reference.texts[:_SENTENCES])
    with np.load(_DATA / "sentence_transformers.npz") as arrays:
        assert module.digest(texts) == str(arrays["texts"])
    return texts


def encoded() -> Vectors:
    """What sentence-transformers gave, scaled to length 1 again after its rounding to float16."""
    with np.load(_DATA / "sentence_transformers.npz") as arrays:
        vectors: Vectors = arrays["vectors"].astype(np.float32)
    return unit_length(vectors)


async def test_vectors_of_500_mixed_texts_equal_those_of_sentence_transformers(
    embeddings: Api, reference: Reference
) -> None:
    texts = mixed_texts(reference)
    order = list(range(len(texts)))
    chance = random.Random(8)
    chance.shuffle(order)
    requests = []
    while order:
        size = chance.choice((1, 1, 2, 5, 32))
        requests.append(order[:size])
        order = order[size:]
    vectors = np.zeros((len(texts), 384), dtype=np.float32)

    async def ask(wanted: list[int]) -> None:
        answer = await embeddings("POST", "/embed", json={"inputs": [texts[each] for each in wanted]})
        assert answer.status == 200
        vectors[wanted] = answer.json

    # All at once: the texts share their batches with whatever is there.
    await asyncio.gather(*(ask(wanted) for wanted in requests))
    cosines = (vectors * encoded()).sum(axis=1)
    assert cosines.min() >= 0.9999
