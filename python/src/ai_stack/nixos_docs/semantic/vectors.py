"""The vectors of an index, ready to be searched."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ai_stack.nixos_docs.semantic.embedder import ModelIdentity
from ai_stack.nixos_docs.semantic.words import WordVectors

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class IndexVectors:
    """The vectors of all sections (by place) and all options (by number), and whose they are.

    `words` puts vectors of questions together without the model; None while it is learned, or with few options.
    """

    identity: ModelIdentity
    sections: Floats
    options: Floats
    words: WordVectors | None = None
