"""A BERT with random weights, small enough for unit tests, and what it should compute, written in plain numpy."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from ai_stack.embeddings.model import BertConfig, Pooling

Array = NDArray[np.float32]

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"abcdefghij", "nix", "##os", "store"]
CONFIG: dict[str, Any] = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "vocab_size": len(WORDS),
    "hidden_size": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 20,
    "max_position_embeddings": 16,
    "layer_norm_eps": 1e-12,
    "pad_token_id": 0,
    "type_vocab_size": 2,
}
MODES = {
    Pooling.MEAN: "mean_tokens",
    Pooling.CLS: "cls_token",
    Pooling.MAX: "max_tokens",
    Pooling.LAST: "lasttoken",
}
#: Token numbers; see tests/data/bert/make_layers.py.
LAYER_TEXTS = ([2, 5, 9, 14, 3], [2, 3], [2, 4, 6, 8, 10, 12, 14, 15, 16, 3])
POOLING_MODES = ("cls_token", "mean_tokens", "max_tokens", "lasttoken", "weightedmean_tokens")


def random_weights(config: BertConfig, seed: int = 7) -> dict[str, Array]:
    """Weights of the size of trained ones, so that every part of the graph shows in the result."""
    random = np.random.default_rng(seed)
    size, inner = config.hidden_size, config.intermediate_size
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (config.vocab_size, size),
        "embeddings.position_embeddings.weight": (config.max_position_embeddings, size),
        "embeddings.token_type_embeddings.weight": (2, size),
        "embeddings.LayerNorm.weight": (size,),
        "embeddings.LayerNorm.bias": (size,),
    }
    for layer in range(config.num_hidden_layers):
        prefix = f"encoder.layer.{layer}"
        linears = {
            f"{prefix}.attention.self.query": (size, size),
            f"{prefix}.attention.self.key": (size, size),
            f"{prefix}.attention.self.value": (size, size),
            f"{prefix}.attention.output.dense": (size, size),
            f"{prefix}.intermediate.dense": (inner, size),
            f"{prefix}.output.dense": (size, inner),
        }
        for name, shape in linears.items():
            shapes[f"{name}.weight"] = shape
            shapes[f"{name}.bias"] = shape[:1]
        for name in (f"{prefix}.attention.output.LayerNorm", f"{prefix}.output.LayerNorm"):
            shapes[f"{name}.weight"] = shapes[f"{name}.bias"] = (size,)
    return {name: random.normal(0, 0.6, shape).astype(np.float32) for name, shape in shapes.items()}


def hidden_states(config: BertConfig, weights: dict[str, Array], ids: list[int]) -> Array:
    """The encoder's last layer for one text (tokens × hidden size), in double precision."""

    def linear(name: str, x: Any) -> Any:
        return x @ weights[f"{name}.weight"].astype(np.float64).T + weights[f"{name}.bias"]

    def norm(name: str, x: Any) -> Any:
        centred = x - x.mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + config.layer_norm_eps)
        return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    gelu = np.vectorize(lambda value: value * 0.5 * (1 + math.erf(value / math.sqrt(2))))
    heads, size = config.num_attention_heads, config.hidden_size // config.num_attention_heads
    x: Any = (
        weights["embeddings.word_embeddings.weight"][ids].astype(np.float64)
        + weights["embeddings.position_embeddings.weight"][config.first_position :][: len(ids)]
        + weights["embeddings.token_type_embeddings.weight"][0]
    )
    x = norm("embeddings.LayerNorm", x)
    for layer in range(config.num_hidden_layers):
        prefix = f"encoder.layer.{layer}"
        query, key, value = (linear(f"{prefix}.attention.self.{part}", x) for part in ("query", "key", "value"))
        context = np.empty_like(x)
        for head in range(heads):
            part = slice(head * size, (head + 1) * size)
            scores = query[:, part] @ key[:, part].T / math.sqrt(size)
            shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
            context[:, part] = shares / shares.sum(axis=-1, keepdims=True) @ value[:, part]
        x = norm(f"{prefix}.attention.output.LayerNorm", linear(f"{prefix}.attention.output.dense", context) + x)
        inner = gelu(linear(f"{prefix}.intermediate.dense", x))
        x = norm(f"{prefix}.output.LayerNorm", linear(f"{prefix}.output.dense", inner) + x)
    result: Array = x.astype(np.float32)
    return result


def write_model(
    directory: Path,
    *,
    config: dict[str, Any] | None = None,
    pooling: str = "mean_tokens",
    normalize: bool = True,
    limits: dict[str, Any] | None = None,
) -> Path:
    """Write a model directory as sentence-transformers lays it out."""
    values = CONFIG if config is None else config
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "config.json").write_text(json.dumps(values))
    kinds = [("Transformer", ""), ("Pooling", "1_Pooling")] + ([("Normalize", "2_Normalize")] if normalize else [])
    modules = [
        {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for number, (kind, path) in enumerate(kinds)
    ]
    (directory / "modules.json").write_text(json.dumps(modules))
    (directory / "1_Pooling").mkdir(exist_ok=True)
    modes = {f"pooling_mode_{name}": name == pooling for name in POOLING_MODES}
    (directory / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": 12, **modes}))
    (directory / "sentence_bert_config.json").write_text(
        json.dumps(limits if limits is not None else {"max_seq_length": 8, "do_lower_case": False})
    )
    save_file(random_weights(BertConfig.model_validate(CONFIG)), directory / "model.safetensors")
    _write_tokenizer(directory / "tokenizer.json")
    return directory


def _write_tokenizer(path: Path) -> None:
    tokenizer = Tokenizer(models.WordPiece({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    # As in published models: settings from training that are not the model's own limit.
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=4)
    tokenizer.save(str(path))
