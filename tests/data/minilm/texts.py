"""The 500 texts of `sentence_transformers.npz`: many scripts, a few tokens to more than the model reads."""

import hashlib
import random
from collections.abc import Sequence

COUNT = 500
_LONGEST = 24


def mixed_texts(sentences: Sequence[str]) -> list[str]:
    """Return texts made of `sentences`, in one or several scripts; the same ones each time, none twice."""
    chance = random.Random(500)
    made: dict[str, None] = {}
    while len(made) < COUNT:
        chosen = [chance.choice(sentences) for _ in range(1 + int(_LONGEST * chance.random() ** 3))]
        words = " ".join(chosen).split(" ")
        start = int(len(words) * chance.random() / 2)
        text = " ".join(words[start : start + 1 + int(len(words) * chance.random())])
        if text.strip():
            made.setdefault(text)
    return list(made)


def digest(texts: Sequence[str]) -> str:
    """Return what tells these texts from others."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()
