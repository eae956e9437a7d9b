"""Writes what transformers computes in each layer of the tests' small BERT: `make_layers.py TARGET`.

Run with a Python that has ai-stack[torch] and safetensors; committed beside it is `layers.npz`: for each of `TEXTS` the
output of the embeddings and of every layer (float32, layers × tokens × hidden size), computed in one padded batch.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from transformers import BertModel

sys.path.insert(0, str(Path(__file__).parents[2]))

from support.tiny_bert import LAYER_TEXTS, write_model


def main(target: str) -> None:
    """Compute and write."""
    width = max(map(len, LAYER_TEXTS))
    ids = torch.tensor([[*text, *[0] * (width - len(text))] for text in LAYER_TEXTS])
    mask = torch.tensor([[1] * len(text) + [0] * (width - len(text)) for text in LAYER_TEXTS])
    with tempfile.TemporaryDirectory() as directory, torch.no_grad():
        model = BertModel.from_pretrained(write_model(Path(directory)), local_files_only=True).eval()
        states = torch.stack(model(ids, attention_mask=mask, output_hidden_states=True).hidden_states)
    layers = {f"text{i}": states[:, i, : len(text)].numpy() for i, text in enumerate(LAYER_TEXTS)}
    np.savez_compressed(target, **layers)


if __name__ == "__main__":
    main(sys.argv[1])
