"""The model as its makers compute it: transformers on PyTorch, on a GPU where there is one. An optional extra."""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, Final

from ai_stack.embeddings.engine import TokenIds, Vectors, finite, padded
from ai_stack.embeddings.model import ModelSpec, Pooling, Precision

#: What the engine imports, and how it is installed.
LIBRARIES: Final = ("torch", "transformers")
REMEDY: Final = "pip install 'ai-stack[torch]'"


class TorchEngine:
    """transformers on PyTorch; one thread per call on a CPU, as in `OnnxEngine`.

    Args:
        spec: the model; with `Precision.BF16` it computes in bfloat16.
    """

    # transformers computes padding like any token.
    padding_cost = 1.0

    def __init__(self, spec: ModelSpec) -> None:
        # Late: seconds of CPU time and hundreds of MB, to be paid only where this engine is wanted.
        import torch  # noqa: PLC0415 - an extra, and slow to load
        from transformers import AutoModel  # noqa: PLC0415 - an extra, and slow to load

        self._torch: Any = torch
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        dtype = torch.bfloat16 if spec.precision is Precision.BF16 else torch.float32
        torch.set_num_threads(1)
        model: Any = AutoModel.from_pretrained(spec.directory, local_files_only=True, dtype=dtype)
        self._model = model.eval().to(self._device)
        self._pooling = spec.pooling
        self._pad = spec.config.pad_token_id

    def embed(self, texts: Sequence[TokenIds]) -> Vectors:
        """See `Engine.embed`."""
        torch = self._torch
        ids, mask = padded(texts, self._pad)
        with torch.inference_mode():
            attended = torch.from_numpy(mask).to(self._device)
            hidden = self._model(
                input_ids=torch.from_numpy(ids).to(self._device), attention_mask=attended
            ).last_hidden_state
            vectors: Vectors = self._pool(hidden.float(), attended).cpu().numpy()
        return finite(vectors)

    def _pool(self, hidden: Any, mask: Any) -> Any:
        present = mask.unsqueeze(-1)
        match self._pooling:
            case Pooling.MEAN:
                return (hidden * present).sum(dim=1) / present.sum(dim=1)
            case Pooling.CLS:
                return hidden[:, 0]
            case Pooling.MAX:
                return hidden.masked_fill(present == 0, float("-inf")).max(dim=1).values
            case Pooling.LAST:
                return hidden[self._torch.arange(len(hidden), device=self._device), mask.sum(dim=1) - 1]


def missing_libraries() -> list[str]:
    """Return those of `LIBRARIES` that are not installed. Nothing is imported."""
    return [name for name in LIBRARIES if find_spec(name) is None]


def computes_bfloat16() -> bool:
    """Say whether the processor has instructions for bfloat16; where it has none, software takes many times as long."""
    import torch  # noqa: PLC0415 - as above

    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return any(able for name, able in torch.cpu.get_capabilities().items() if name.endswith("_bf16"))
