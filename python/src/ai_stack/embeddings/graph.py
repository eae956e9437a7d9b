"""Builds the ONNX graph of a BERT encoder from its configuration and weights.

The encoder is that of Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers" (2018), with post-layer
normalisation as in Vaswani et al., "Attention Is All You Need" (2017), which RoBERTa (Liu et al., 2019) shares but for
the numbering of positions (a padding token inside a text, which no tokenizer makes of ordinary text, gets a number here
and none there), followed by the pooling of Reimers and
Gurevych, "Sentence-BERT" (2019).

Padding is not computed: the tokens of all texts are rows of one matrix, and are spread to a batch of equal lengths for
attention and pooling only. Weights are not copied: the graph points at the safetensors file (ONNX, "External data"),
which onnxruntime maps into memory, so the file made here is small and rows of rare words are never read. Two constants
are folded: the embedding of the first (and here only) token type into the position table, the attention scale into the
query projection. Pooling is part of the graph, scaling to unit length is not, since a request can decline it. Merged
query/key/value projections and onnxruntime's own attention operators are left out: measured, they gain nothing
(within 1 % from 16 to 400 tokens a call), and standard operators can be checked against the standard. With int8, the
linear layers are products of integers (`ai_stack.embeddings.int8`), whose weights are in the graph's own file.
"""

import math
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper

from ai_stack.embeddings.int8 import LARGEST_ACTIVATION, ZERO, quantize
from ai_stack.embeddings.model import ATTENTION_MASK, INPUT_IDS, OUTPUT, BertConfig, ModelError, Pooling, Precision

# Gelu needs 20. The format version keeps the file readable for onnxruntime releases of that time.
_OPSET = 20
_IR_VERSION = 9

# onnxruntime's own operators: one of them multiplies integers and scales the result in one pass.
_CONTRIB = "com.microsoft"

_WORDS = "embeddings.word_embeddings.weight"

Weights = Mapping[str, NDArray[np.float32]]


class Locate(Protocol):
    """Says where in which file the bytes of a tensor are."""

    def __call__(self, name: str, /) -> tuple[str, int]:
        """Return the file's name and the offset of the tensor's first byte."""


def build_graph(
    config: BertConfig, pooling: Pooling, weights: Weights, locate: Locate, precision: Precision = Precision.FP32
) -> ModelProto:
    """Return the model: `input_ids` and `attention_mask` (int64, batch × sequence) to `sentence_embedding` (float32,
    batch × hidden size, not scaled to unit length). Both axes are dynamic.

    A change here that gives the same weights another graph needs a new `export.GRAPH_VERSION`.

    Raises:
        ModelError: a tensor is missing or has another shape than the configuration says.
    """
    builder = _Builder(config, weights, locate, precision)
    builder.emit(pooling)
    graph = helper.make_graph(
        builder.nodes,
        "bert",
        [
            helper.make_tensor_value_info(INPUT_IDS, TensorProto.INT64, ["batch", "sequence"]),
            helper.make_tensor_value_info(ATTENTION_MASK, TensorProto.INT64, ["batch", "sequence"]),
        ],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["batch", config.hidden_size])],
        builder.initializers,
    )
    return helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", _OPSET), helper.make_opsetid(_CONTRIB, 1)]
        if precision is Precision.INT8
        else [helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
        producer_name="ai-stack",
    )


class _Builder:
    def __init__(self, config: BertConfig, weights: Weights, locate: Locate, precision: Precision) -> None:
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self._config = config
        self._weights = weights
        self._locate = locate
        self._precision = precision
        self._axis: dict[tuple[int, ...], str] = {}
        self._quantized: dict[str, tuple[str, str]] = {}
        # Weights of a model with a head name the encoder before each of its tensors.
        self._prefix = next((prefix for prefix in ("bert.", "roberta.") if prefix + _WORDS in weights), "")

    def emit(self, pooling: Pooling) -> None:
        c = self._config
        mask = self._op("Cast", ATTENTION_MASK, to=TensorProto.FLOAT)
        tokens, places = self._layout()
        hidden = self._embeddings(tokens)
        lowest = self._lowest_where_absent(mask)
        bias = self._op("Unsqueeze", lowest, self._axes(1, 2))  # what is added to attention scores
        self._ints("heads.split", [0, 0, c.num_attention_heads, c.hidden_size // c.num_attention_heads])
        self._ints("heads.join", [-1, c.hidden_size])
        for layer in range(c.num_hidden_layers):
            prefix = f"encoder.layer.{layer}"
            hidden = self._attention(prefix, hidden, bias, tokens, places)
            hidden = self._feed_forward(prefix, hidden)
        self._pool(pooling, self._op("Gather", hidden, places), mask, lowest)

    def _layout(self) -> tuple[str, str]:
        """Return which places of the batch, counted row by row, hold a token, and which token each place holds.

        A place of padding holds the token before it, which attention and pooling then pass over.
        """
        flat = self._op("Reshape", ATTENTION_MASK, self._ints("flat", [-1]))
        tokens = self._op("Squeeze", self._op("NonZero", flat), self._axes(0))
        upto = self._op("CumSum", flat, self._constant("rows", np.int64(0)))
        before = self._op("Sub", upto, self._constant("itself", np.int64(1)))
        return tokens, self._op("Reshape", before, self._op("Shape", ATTENTION_MASK))

    def _embeddings(self, tokens: str) -> str:
        c = self._config
        words = self._stored(_WORDS, c.vocab_size, c.hidden_size)
        positions = self._tensor("embeddings.position_embeddings.weight", c.max_position_embeddings, c.hidden_size)
        types = self._tensor("embeddings.token_type_embeddings.weight", None, c.hidden_size)
        by_word = self._op("Gather", words, self._op("Gather", self._op("Reshape", INPUT_IDS, "flat"), tokens))
        width = self._op("Shape", INPUT_IDS, start=1, end=2)
        table = self._constant("positions", positions[c.first_position :] + types[0])
        by_position = self._op("Gather", table, self._op("Mod", tokens, width))
        return self._layer_norm("embeddings.LayerNorm", self._op("Add", by_word, by_position))

    def _lowest_where_absent(self, mask: str) -> str:
        """0 for a token, the smallest float for padding."""
        absent = self._op("Sub", self._constant("one", np.float32(1)), mask)
        return self._op("Mul", absent, self._constant("lowest", np.finfo(np.float32).min))

    def _attention(self, prefix: str, hidden: str, bias: str, tokens: str, places: str) -> str:
        c = self._config
        size = c.hidden_size
        scale = 1 / math.sqrt(size // c.num_attention_heads)
        this = f"{prefix}.attention.self"
        query = self._heads(self._linear(f"{this}.query", hidden, size, size, scale=scale), places, [0, 2, 1, 3])
        key = self._heads(self._linear(f"{this}.key", hidden, size, size), places, [0, 2, 3, 1])
        value = self._heads(self._linear(f"{this}.value", hidden, size, size), places, [0, 2, 1, 3])
        scores = self._op("Add", self._op("MatMul", query, key), bias)
        context = self._op("MatMul", self._op("Softmax", scores, axis=-1), value)
        joined = self._op("Reshape", self._op("Transpose", context, perm=[0, 2, 1, 3]), "heads.join")
        context = self._op("Gather", joined, tokens)
        output = self._linear(f"{prefix}.attention.output.dense", context, size, size)
        return self._layer_norm(f"{prefix}.attention.output.LayerNorm", self._op("Add", output, hidden))

    def _heads(self, x: str, places: str, order: list[int]) -> str:
        """Spread tokens to a batch of equal lengths, with an axis for the heads."""
        return self._op("Transpose", self._op("Reshape", self._op("Gather", x, places), "heads.split"), perm=order)

    def _feed_forward(self, prefix: str, hidden: str) -> str:
        c = self._config
        inner = self._linear(f"{prefix}.intermediate.dense", hidden, c.hidden_size, c.intermediate_size)
        output = self._linear(f"{prefix}.output.dense", self._op("Gelu", inner), c.intermediate_size, c.hidden_size)
        return self._layer_norm(f"{prefix}.output.LayerNorm", self._op("Add", output, hidden))

    def _pool(self, pooling: Pooling, hidden: str, mask: str, lowest: str) -> None:
        match pooling:
            case Pooling.CLS:
                self._op("Gather", hidden, self._constant("first", np.int64(0)), axis=1, output=OUTPUT)
            case Pooling.LAST:
                length = self._op("ReduceSum", ATTENTION_MASK, self._axes(1), keepdims=1)
                last = self._op("Sub", length, self._constant("last", np.int64(1)))
                self._op("GatherND", hidden, last, batch_dims=1, output=OUTPUT)
            case Pooling.MAX:
                lowered = self._op("Add", hidden, self._op("Unsqueeze", lowest, self._axes(2)))
                self._op("ReduceMax", lowered, self._axes(1), keepdims=0, output=OUTPUT)
            case Pooling.MEAN:
                weighted = self._op("Mul", hidden, self._op("Unsqueeze", mask, self._axes(2)))
                total = self._op("ReduceSum", weighted, self._axes(1), keepdims=0)
                count = self._op("ReduceSum", mask, self._axes(1), keepdims=1)
                self._op("Div", total, count, output=OUTPUT)

    def _linear(self, name: str, x: str, inputs: int, outputs: int, *, scale: float = 1.0) -> str:
        if self._precision is Precision.INT8:
            weight = self._tensor(f"{name}.weight", outputs, inputs).T * np.float32(scale)
            bias = self._tensor(f"{name}.bias", outputs) * np.float32(scale)
            product = self._integer_product(f"{name}.weight", x, weight)
            return self._op("Add", product, self._constant(f"{name}.bias", bias))
        weights = self._stored(f"{name}.weight", outputs, inputs), self._stored(f"{name}.bias", outputs)
        return self._op("Gemm", x, *weights, alpha=scale, beta=scale, transB=1)

    def _integer_product(self, name: str, x: str, weight: NDArray[np.float32]) -> str:
        if not self._quantized:
            self._constant("unit", np.float32(1))
            self._constant("zero", np.uint8(ZERO))
            self._constant("largest", np.float32(LARGEST_ACTIVATION))
            self._constant("tiny", np.finfo(np.float32).tiny * np.float32(LARGEST_ACTIVATION))
        if x not in self._quantized:  # query, key and value share theirs
            largest = self._op("ReduceMax", self._op("Abs", x), self._axes(-1), keepdims=1)
            scale = self._op("Div", self._op("Max", largest, "tiny"), "largest")
            self._quantized[x] = self._op("QuantizeLinear", self._op("Div", x, scale), "unit", "zero"), scale
        integers, scale = self._quantized[x]
        columns, scales = quantize(weight)
        product = self._op(
            "MatMulIntegerToFloat",
            integers,
            self._constant(name, columns),
            "unit",
            self._constant(f"{name}.scale", scales),
            "zero",
            domain=_CONTRIB,
        )
        return self._op("Mul", product, scale)

    def _layer_norm(self, name: str, x: str) -> str:
        size = self._config.hidden_size
        weight = self._constant(f"{name}.weight", self._tensor(f"{name}.weight", size))
        bias = self._constant(f"{name}.bias", self._tensor(f"{name}.bias", size))
        return self._op("LayerNormalization", x, weight, bias, axis=-1, epsilon=self._config.layer_norm_eps)

    def _tensor(self, name: str, *shape: int | None) -> NDArray[np.float32]:
        """Return a weight, after checking its shape (None: any size)."""
        name = self._prefix + name
        if name not in self._weights:
            raise ModelError(f"the weights lack the tensor {name}")
        tensor = self._weights[name]
        fits = len(tensor.shape) == len(shape) and all(
            want in (None, have) for want, have in zip(shape, tensor.shape, strict=True)
        )
        if not fits or tensor.dtype != np.float32:
            raise ModelError(f"tensor {name} is {tensor.dtype}{list(tensor.shape)}, expected float32{list(shape)}")
        return tensor

    def _stored(self, name: str, *shape: int) -> str:
        """Refer to a weight where it is, after checking its shape."""
        tensor = self._tensor(name, *shape)
        file, offset = self._locate(self._prefix + name)
        made = TensorProto(
            name=name, data_type=TensorProto.FLOAT, dims=tensor.shape, data_location=TensorProto.EXTERNAL
        )
        for key, value in (("location", file), ("offset", offset), ("length", tensor.nbytes)):
            made.external_data.add(key=key, value=str(value))
        self.initializers.append(made)
        return name

    def _axes(self, *axes: int) -> str:
        if axes not in self._axis:
            self._axis[axes] = self._ints("axes." + ".".join(map(str, axes)), list(axes))
        return self._axis[axes]

    def _ints(self, name: str, values: list[int]) -> str:
        return self._constant(name, np.array(values, dtype=np.int64))

    def _constant(self, name: str, value: NDArray[Any] | np.generic) -> str:
        self.initializers.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def _op(self, kind: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        name = output or f"{kind}.{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name
