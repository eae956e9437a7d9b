"""The vectors in `tests/data/minilm`, which torch and transformers computed."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ai_stack.embeddings.engine import Vectors

_DATA = Path(__file__).parents[2] / "data" / "minilm"


@dataclass(frozen=True)
class Reference:
    """Texts, and what became of each."""

    texts: list[str]
    tokens: list[int]
    truncated: list[bool]
    pooled: Vectors


def read_reference() -> Reference:
    """Read the files that `make_reference.py` wrote."""
    described = json.loads((_DATA / "reference.json").read_text())
    with np.load(_DATA / "reference.npz") as arrays:
        pooled = arrays["pooled"]
    return Reference(
        texts=[item["text"] for item in described],
        tokens=[item["tokens"] for item in described],
        truncated=[item["truncated"] for item in described],
        pooled=pooled,
    )
