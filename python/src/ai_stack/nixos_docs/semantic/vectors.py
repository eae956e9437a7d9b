"""The vectors of an index, ready to be searched."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ai_stack.nixos_docs.semantic.embedder import ModelIdentity

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class IndexVectors:
    """The vectors of all sections (by place) and all options (by number), and whose they are."""

    identity: ModelIdentity
    sections: Floats
    options: Floats
