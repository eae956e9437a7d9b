"""Vectors on their way between JSON, NumPy and pgvector."""

from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

#: Dimension of the column `chunks.embedding`.
DIMENSION = 384

#: Below this norm a vector has no direction to compare. pgvector leaves zero vectors out of cosine indexes.
MIN_NORM = 1e-6

Vectors = npt.NDArray[np.float32]


def to_vectors(rows: Any, *, count: int) -> Vectors:
    """Return `count` vectors as float32 of shape (count, DIMENSION).

    Raises:
        ValueError: wrong shape, not numbers, not finite, or a vector without direction.
    """
    # What does not fit becomes infinite, and is found below.
    with np.errstate(over="ignore", invalid="ignore"):
        try:
            vectors = np.asarray(rows, dtype=np.float32)
        except (TypeError, ValueError, OverflowError):
            raise ValueError("not a list of vectors") from None
        if vectors.shape != (count, DIMENSION):
            raise ValueError(f"expected {count} vectors of {DIMENSION} numbers")
        norms = np.linalg.norm(vectors, axis=1)
    if not np.isfinite(norms).all():
        raise ValueError("a vector is not finite")
    if (norms < MIN_NORM).any():
        raise ValueError("a vector is zero")
    return vectors


def to_literal(vector: Vectors) -> str:
    """Return one vector in pgvector's text form, `[0.1,0.2]`."""
    return orjson.dumps(np.ascontiguousarray(vector), option=orjson.OPT_SERIALIZE_NUMPY).decode()
