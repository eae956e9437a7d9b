from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from ai_stack.embeddings.engine import OnnxEngine, TokenIds, Vectors
from ai_stack.embeddings.export import export_onnx
from ai_stack.embeddings.model import ModelSpec, read_model
from ai_stack.embeddings.verification import TEXTS, VerificationError, verify
from support.tiny_bert import hidden_states, random_weights, write_model


def by_formula(spec: ModelSpec, texts: Sequence[TokenIds]) -> Vectors:
    weights = random_weights(spec.config)
    return np.stack([hidden_states(spec.config, weights, text.tolist()).mean(axis=0) for text in texts])


@pytest.fixture
def spec(tmp_path: Path) -> ModelSpec:
    return read_model(write_model(tmp_path / "model"), "tiny")


@pytest.fixture
def engine(spec: ModelSpec, tmp_path: Path) -> OnnxEngine:
    return OnnxEngine(spec, export_onnx(spec, tmp_path))


def test_an_engine_that_computes_the_same_is_verified(spec: ModelSpec, engine: OnnxEngine) -> None:
    verified = verify(spec, engine, by_formula)
    assert verified.texts == len(TEXTS)
    assert verified.min_cosine > 0.999999
    assert verified.max_difference < 1e-5


def test_the_text_whose_vector_is_off_is_named(spec: ModelSpec, engine: OnnxEngine) -> None:
    def off(spec: ModelSpec, texts: Sequence[TokenIds]) -> Vectors:
        vectors = by_formula(spec, texts)
        vectors[2, 0] += 1
        return vectors

    with pytest.raises(VerificationError, match=r"roll back a NixOS generation\?' has cosine 0\."):
        verify(spec, engine, off)
