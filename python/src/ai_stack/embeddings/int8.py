"""Matrix products of 8-bit integers for the ONNX graph.

Weights are rounded once, with a scale per output (column); activations at each call, with a scale per token (row), so
that a vector depends on its own text only, whatever shares its batch. Both are symmetric. A column's largest weight
becomes 64, not 127: x86 processors without VNNI add products of two neighbouring bytes in 16 bits, which 255 · 64 · 2
fits and 255 · 127 · 2 does not. What else was tried, and what it costs, is in docs/decisions/0017.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

#: Raised when the same weights give other integers; files of earlier versions are then no longer used.
RECIPE_VERSION: Final = 1

LARGEST_WEIGHT: Final = 64
LARGEST_ACTIVATION: Final = 127
#: What 0 becomes, since the products take activations without a sign.
ZERO: Final = 128


def quantize(weight: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return a weight matrix (inputs × outputs) as integers, and the scale of each output to multiply them with."""
    largest = np.abs(weight).max(axis=0)
    scales = np.where(largest > 0, largest / LARGEST_WEIGHT, 1).astype(np.float32)
    return np.rint(weight / scales).astype(np.int8), scales
