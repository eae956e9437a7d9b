from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from ai_stack.embeddings.engine import OnnxEngine, unit_length
from ai_stack.embeddings.export import export_onnx, onnx_path
from ai_stack.embeddings.int8 import LARGEST_WEIGHT, quantize
from ai_stack.embeddings.model import Precision, read_model
from support.tiny_bert import write_model

matrices = arrays(np.float32, (5, 4), elements=st.floats(-1e3, 1e3, width=32, allow_subnormal=False))


@given(matrices)
def test_a_weight_is_off_by_half_a_step_at_most(weight: NDArray[np.float32]) -> None:
    integers, scales = quantize(weight)
    assert integers.dtype == np.int8
    assert np.abs(integers.astype(int)).max() <= LARGEST_WEIGHT
    assert (np.abs(integers * scales - weight) <= scales * 0.5001).all()


def test_products_of_two_neighbours_fit_16_bits() -> None:
    assert 2 * 255 * LARGEST_WEIGHT < 2**15


def test_int8_computes_nearly_the_same_whatever_shares_the_batch(tmp_path: Path) -> None:
    directory = write_model(tmp_path / "model")
    exact, rounded = (read_model(directory, "tiny", precision) for precision in (Precision.FP32, Precision.INT8))
    assert onnx_path(exact, tmp_path) != onnx_path(rounded, tmp_path)
    assert rounded.revision == f"int8-{exact.revision}"
    assert rounded.identity != exact.identity
    engines = [OnnxEngine(spec, export_onnx(spec, tmp_path)) for spec in (exact, rounded)]
    texts = [np.array(ids) for ids in ([2, 5, 3], [2, 3], [2, *range(4, 16), 3])]
    expected, vectors = (unit_length(engine.embed(texts)) for engine in engines)
    assert (expected * vectors).sum(axis=1).min() > 0.99
    assert not np.allclose(expected, vectors, atol=1e-6)
    alone = unit_length(np.concatenate([engines[1].embed([text]) for text in texts]))
    assert np.abs(vectors - alone).max() < 5e-6
