"""The ONNX engine against vectors that torch and transformers computed from the same weights."""

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from ai_stack.embeddings.engine import OnnxEngine, Vectors, unit_length
from ai_stack.embeddings.export import export_onnx, onnx_path
from ai_stack.embeddings.model import ModelSpec, Pooling, Precision, read_model
from ai_stack.embeddings.tokens import TextTokenizer
from support.model import MODEL_NAME

from .reference import Reference


@pytest.fixture(scope="module")
def spec(model_dir: Path) -> ModelSpec:
    return read_model(model_dir, MODEL_NAME)


@pytest.fixture(scope="module")
def engine(spec: ModelSpec, model_cache_dir: Path) -> OnnxEngine:
    return OnnxEngine(spec, export_onnx(spec, model_cache_dir))


def embed_in_batches(engine: OnnxEngine, spec: ModelSpec, texts: Sequence[str], size: int) -> Vectors:
    tokens = TextTokenizer(spec).encode(texts)
    rows = [engine.embed([text.ids for text in tokens[start : start + size]]) for start in range(0, len(tokens), size)]
    return np.concatenate(rows)


def test_the_model_is_described_as_its_own_files_say(spec: ModelSpec) -> None:
    assert spec.dimensions == 384
    assert spec.max_sequence_length == 256
    assert spec.pooling is Pooling.MEAN
    assert spec.normalize
    assert not spec.lowercase
    assert spec.weights_sha256 == "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def test_token_counts_and_truncation_equal_the_reference(spec: ModelSpec, reference: Reference) -> None:
    tokens = TextTokenizer(spec).encode(reference.texts)
    assert [len(text.ids) for text in tokens] == reference.tokens
    assert [text.truncated for text in tokens] == reference.truncated


@pytest.mark.parametrize("batch_size", [1, 7])
def test_vectors_equal_the_reference_however_texts_are_batched(
    engine: OnnxEngine, spec: ModelSpec, reference: Reference, batch_size: int
) -> None:
    pooled = embed_in_batches(engine, spec, reference.texts, batch_size)
    vectors, expected = unit_length(pooled), unit_length(reference.pooled)
    assert vectors.dtype == np.float32
    assert (vectors * expected).sum(axis=1).min() >= 0.9999
    assert np.abs(vectors - expected).max() < 1e-4
    assert np.abs(pooled - reference.pooled).max() < 1e-4


def test_a_vector_does_not_depend_on_what_shares_its_batch(
    engine: OnnxEngine, spec: ModelSpec, reference: Reference
) -> None:
    alone = embed_in_batches(engine, spec, reference.texts, 1)
    order = list(range(len(reference.texts)))
    random.Random(20).shuffle(order)
    mixed = embed_in_batches(engine, spec, [reference.texts[i] for i in order], 11)
    assert np.abs(unit_length(mixed) - unit_length(alone[order])).max() < 5e-6


def test_int8_is_near_the_reference_and_does_not_depend_on_the_batch_either(
    spec: ModelSpec, reference: Reference, model_dir: Path, model_cache_dir: Path
) -> None:
    rounded = read_model(model_dir, MODEL_NAME, Precision.INT8)
    engine = OnnxEngine(rounded, export_onnx(rounded, model_cache_dir))
    alone = unit_length(embed_in_batches(engine, spec, reference.texts, 1))
    together = unit_length(embed_in_batches(engine, spec, reference.texts, 11))
    cosines = (alone * unit_length(reference.pooled)).sum(axis=1)
    # English prose is nearer; many of these texts are in scripts that the model has hardly seen.
    assert cosines.mean() >= 0.99
    assert cosines.min() >= 0.97
    assert np.abs(alone - together).max() < 5e-6


def test_the_file_is_named_after_the_weights_and_private(
    engine: OnnxEngine, spec: ModelSpec, model_cache_dir: Path
) -> None:
    path = onnx_path(spec, model_cache_dir)
    assert path.is_file()
    assert path.name.startswith(spec.weights_sha256)
    assert path.stat().st_mode & 0o077 == 0
