"""Reads what a sentence-transformers model directory says about itself.

The layout is the one that the sentence-transformers library saves: `modules.json` names the steps, `config.json`
describes the transformer, `1_Pooling/config.json` the pooling, `sentence_bert_config.json` the longest input,
`config_sentence_transformers.json` the prompts.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

WEIGHTS_FILE = "model.safetensors"
TOKENIZER_FILE = "tokenizer.json"

# Inputs and output of the ONNX graph, named as exporters of this family of models do.
INPUT_IDS = "input_ids"
ATTENTION_MASK = "attention_mask"
OUTPUT = "sentence_embedding"


class ModelError(Exception):
    """The model directory cannot be used. The message names the file and the reason."""


class Pooling(StrEnum):
    """How the vectors of a text's tokens become one vector."""

    MEAN = "mean"
    CLS = "cls"
    MAX = "max"
    LAST = "last"


class Precision(StrEnum):
    """What the linear layers compute with."""

    FP32 = "fp32"
    BF16 = "bf16"
    INT8 = "int8"


EngineName = Literal["onnx", "int8", "torch", "torch-bf16"]

#: Engines that compute a model's ONNX file.
ONNX_ENGINES: Final[tuple[EngineName, ...]] = ("onnx", "int8")

PRECISIONS: Final[dict[EngineName, Precision]] = {
    "onnx": Precision.FP32,
    "int8": Precision.INT8,
    "torch": Precision.FP32,
    "torch-bf16": Precision.BF16,
}


# As the pooling's configuration names them, after `pooling_mode_`.
_POOLINGS = {
    "mean_tokens": Pooling.MEAN,
    "cls_token": Pooling.CLS,
    "max_tokens": Pooling.MAX,
    "lasttoken": Pooling.LAST,
}


class BertConfig(BaseModel):
    """The part of a transformer's `config.json` that determines its graph. Other keys are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    model_type: Literal["bert", "roberta", "xlm-roberta"]
    hidden_act: Literal["gelu"]
    position_embedding_type: Literal["absolute"] = "absolute"
    vocab_size: int = Field(gt=0)
    hidden_size: int = Field(gt=0)
    num_hidden_layers: int = Field(gt=0)
    num_attention_heads: int = Field(gt=0)
    intermediate_size: int = Field(gt=0)
    max_position_embeddings: int = Field(gt=2)
    layer_norm_eps: float = Field(gt=0)
    pad_token_id: int = Field(default=0, ge=0)

    @property
    def first_position(self) -> int:
        """Row of the position table that the first token gets: RoBERTa leaves those up to the padding's number out."""
        return 0 if self.model_type == "bert" else self.pad_token_id + 1

    @property
    def positions(self) -> int:
        """Most tokens that the position table can number."""
        return self.max_position_embeddings - self.first_position


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model and its identity: everything that determines the vector of a text."""

    name: str
    directory: Path
    config: BertConfig
    pooling: Pooling
    normalize: bool
    """Whether the model's own last step scales vectors to unit length."""
    lowercase: bool
    """Whether texts are lowercased before the tokenizer sees them."""
    max_sequence_length: int
    """Longest input in tokens, special tokens included."""
    weights_sha256: str
    weights_modified: int
    """Unix time."""
    prompts: Mapping[str, str]
    """What the model was trained to see before a text, by what the text is for."""
    default_prompt: str | None
    """Name of the prompt for texts of which nothing is said."""
    precision: Precision = Precision.FP32

    @property
    def revision(self) -> str:
        """What tells the vectors of this model from those of others of its name, and of other precisions."""
        return self.weights_sha256 if self.precision is Precision.FP32 else f"{self.precision}-{self.weights_sha256}"

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        return self.config.hidden_size

    @property
    def identity(self) -> str:
        """Everything that determines the vector of a text, as one string."""
        facts = (self.revision, self.pooling, self.lowercase, self.max_sequence_length, self.config)
        return "\n".join(str(fact) for fact in facts)

    @property
    def weights(self) -> Path:
        """The safetensors file itself, not a link to it: onnxruntime reads no weights through links."""
        return (self.directory / WEIGHTS_FILE).resolve()


def read_model(directory: Path, name: str, precision: Precision = Precision.FP32) -> ModelSpec:
    """Describe the model in `directory`, reading its weights once for their hash.

    Raises:
        ModelError: a file is missing or unreadable, or the model needs something that is not implemented.
    """
    for required in (WEIGHTS_FILE, TOKENIZER_FILE):
        if not (directory / required).is_file():
            raise ModelError(f"{directory / required}: no such file")
    pooling_path, normalize = _read_modules(directory)
    try:
        config = BertConfig.model_validate(_read_object(directory / "config.json"))
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in problem["loc"])
        raise ModelError(f"{directory / 'config.json'}: {field}: {problem['msg']}") from error
    if config.hidden_size % config.num_attention_heads:
        raise ModelError(f"{directory / 'config.json'}: hidden_size is no multiple of num_attention_heads")
    limits = _read_optional(directory / "sentence_bert_config.json")
    prompts, default_prompt = _read_prompts(directory / "config_sentence_transformers.json")
    return ModelSpec(
        name=name,
        directory=directory,
        config=config,
        pooling=_read_pooling(pooling_path, has_prompts=bool(prompts)),
        normalize=normalize,
        lowercase=bool(limits.get("do_lower_case", False)),
        max_sequence_length=_max_sequence_length(directory, limits, config),
        weights_sha256=_sha256(directory / WEIGHTS_FILE),
        weights_modified=int((directory / WEIGHTS_FILE).stat().st_mtime),
        prompts=prompts,
        default_prompt=default_prompt,
        precision=precision,
    )


def _read_modules(directory: Path) -> tuple[Path, bool]:
    """Return the pooling module's configuration file and whether a normalisation follows."""
    path = directory / "modules.json"
    modules = _read_json(path)
    try:
        # The module path of these classes has changed between releases of the library, the class name has not.
        kinds = [str(module["type"]).rpartition(".")[2] for module in modules]
        paths = [str(module["path"]) for module in modules]
    except (TypeError, KeyError) as error:
        raise ModelError(f"{path}: not a list of modules with type and path") from error
    if kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
        raise ModelError(f"{path}: modules {kinds} are not supported: expected Transformer, Pooling, [Normalize]")
    if paths[0]:
        raise ModelError(f"{path}: the transformer is expected in the model directory itself, not in {paths[0]!r}")
    return directory / paths[1] / "config.json", "Normalize" in kinds


def _read_pooling(path: Path, *, has_prompts: bool) -> Pooling:
    values = _read_object(path)
    modes = {key.removeprefix("pooling_mode_") for key, on in values.items() if on is True}
    chosen = modes - {"include_prompt"}
    if len(chosen) != 1 or not chosen <= _POOLINGS.keys():
        raise ModelError(f"{path}: pooling {sorted(chosen)} is not supported: expected one of {sorted(_POOLINGS)}")
    if has_prompts and values.get("include_prompt") is False:
        raise ModelError(f"{path}: pooling without the prompt (include_prompt) is not supported")
    return _POOLINGS[chosen.pop()]


def _read_prompts(path: Path) -> tuple[dict[str, str], str | None]:
    values = _read_optional(path)
    prompts, default = values.get("prompts") or {}, values.get("default_prompt_name")
    if not isinstance(prompts, dict) or not all(isinstance(prompt, str) for prompt in prompts.values()):
        raise ModelError(f"{path}: prompts: expected an object of texts")
    if default is not None and default not in prompts:
        raise ModelError(f"{path}: default_prompt_name: there is no prompt {default!r}")
    return prompts, default


def _max_sequence_length(directory: Path, limits: dict[str, Any], config: BertConfig) -> int:
    stated = limits.get("max_seq_length")
    if stated is None:
        stated = _read_optional(directory / "tokenizer_config.json").get("model_max_length")
    if stated is None:
        return config.positions
    # Tokenizers without a limit state a huge number, hence the comparison.
    return min(int(stated), config.positions)


def _read_json(path: Path) -> Any:
    try:
        return orjson.loads(path.read_bytes())
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise ModelError(f"{path}: not JSON: {error}") from error


def _read_object(path: Path) -> dict[str, Any]:
    value = _read_json(path)
    if not isinstance(value, dict):
        raise ModelError(f"{path}: not a JSON object")
    return value


def _read_optional(path: Path) -> dict[str, Any]:
    return _read_object(path) if path.exists() else {}


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}") from error
