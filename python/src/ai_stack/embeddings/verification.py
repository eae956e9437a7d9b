"""Compares an engine with the model as its makers compute it: transformers on PyTorch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ai_stack.embeddings.engine import Engine, TokenIds, Vectors, unit_length
from ai_stack.embeddings.model import ModelSpec, Precision
from ai_stack.embeddings.tokens import TextTokenizer
from ai_stack.embeddings.torch_engine import TorchEngine

#: Least cosine between a text's vector and that of the reference. Integers round, more in texts of foreign scripts.
LEAST_COSINE: Final = {Precision.FP32: 0.9999, Precision.INT8: 0.97}

_SENTENCE = "A deployment of several services needs units, users, credentials, routes and probes. "

#: Several scripts and lengths, one of them longer than any model of the family reads.
TEXTS: Final = (
    "a",
    "NixOS",
    "How do I roll back a NixOS generation?",
    "services.nginx.enable = true; networking.firewall.allowedTCPPorts = [ 80 443 ];",
    "E = mc² and ∑ᵢ xᵢ ≤ √(n·∑ᵢ xᵢ²)",
    "Übergrößenträger: Straße, Fußgänger, äöüß.",
    "Съешь же ещё этих мягких французских булок, да выпей чаю.",
    "نص حكيم له سر قاطع وذو شأن عظيم",
    "ऋषियों को सताने वाले दुष्ट राक्षसों का सर्वनाश",
    "我能吞下玻璃而不伤身体。",
    "다람쥐 헌 쳇바퀴에 타고파",
    "👩‍🚀🚀 launched; 🇩🇪 flags and ❤️ too",
    "!!! ??? ... ,,, --- ((( )))",
    _SENTENCE.strip(),
    (_SENTENCE * 4).strip(),
    (_SENTENCE * 60).strip(),
)

#: Computes pooled vectors, not scaled to unit length.
Reference = Callable[[ModelSpec, Sequence[TokenIds]], Vectors]


class VerificationError(Exception):
    """The engine computes other vectors than the reference."""


@dataclass(frozen=True, slots=True)
class Verified:
    """How far engine and reference agree."""

    texts: int
    min_cosine: float
    max_difference: float
    """Of any number of a vector of unit length."""


def verify(spec: ModelSpec, engine: Engine, reference: Reference) -> Verified:
    """Compare an engine with a reference on `TEXTS`; the engine gets them in one batch, padded.

    Raises:
        VerificationError: a vector is further off than `LEAST_COSINE`.
    """
    ids = [text.ids for text in TextTokenizer(spec).encode(TEXTS)]
    ours, theirs = unit_length(engine.embed(ids)), unit_length(reference(spec, ids))
    cosines: NDArray[np.float64] = np.einsum("ij,ij->i", ours, theirs, dtype=np.float64)
    worst = int(cosines.argmin())
    if cosines[worst] < LEAST_COSINE[spec.precision]:
        raise VerificationError(f"the vector of {TEXTS[worst][:40]!r} has cosine {cosines[worst]:.6f} to the reference")
    return Verified(len(TEXTS), float(cosines[worst]), float(np.abs(ours - theirs).max()))


def torch_versions() -> str | None:
    """Say which PyTorch and transformers are installed, None when one is missing. Nothing is imported."""
    try:
        return f"torch {version('torch')}, transformers {version('transformers')}"
    except ModuleNotFoundError:
        return None


def torch_reference(spec: ModelSpec, texts: Sequence[TokenIds]) -> Vectors:
    """Compute vectors with transformers on PyTorch, each text alone so that no padding is involved."""
    engine = TorchEngine(replace(spec, precision=Precision.FP32))
    return np.concatenate([engine.embed([ids]) for ids in texts])
