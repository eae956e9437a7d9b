from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_stack.embeddings.engine import EngineError, OnnxEngine, TokenIds, padded, unit_length
from ai_stack.embeddings.export import export_onnx
from ai_stack.embeddings.graph import build_graph
from ai_stack.embeddings.model import ATTENTION_MASK, INPUT_IDS, BertConfig, ModelError, Pooling, read_model
from support.tiny_bert import CONFIG, LAYER_TEXTS, MODES, hidden_states, random_weights, write_model

DATA = Path(__file__).parents[2] / "data"
CONFIGURATION = BertConfig.model_validate(CONFIG)
WEIGHTS = random_weights(CONFIGURATION)


texts = st.lists(st.integers(1, CONFIGURATION.vocab_size - 1), min_size=1, max_size=16)


def nowhere(name: str) -> tuple[str, int]:
    """For graphs that are looked at, not run."""
    return "weights", len(name.removeprefix("bert.").removeprefix("roberta."))


def as_ids(text: list[int]) -> TokenIds:
    return np.array(text, dtype=np.int64)


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> dict[Pooling, OnnxEngine]:
    made = {}
    for pooling, mode in MODES.items():
        directory = tmp_path_factory.mktemp(pooling)
        spec = read_model(write_model(directory / "model", pooling=mode), "tiny")
        assert spec.pooling is pooling
        made[pooling] = OnnxEngine(spec, export_onnx(spec, directory))
    return made


@settings(max_examples=60, deadline=None)
@given(batch=st.lists(texts, min_size=1, max_size=5))
def test_the_graph_computes_what_the_formulas_say(engines: dict[Pooling, OnnxEngine], batch: list[list[int]]) -> None:
    states = [hidden_states(CONFIGURATION, WEIGHTS, text) for text in batch]
    ids = [as_ids(text) for text in batch]
    expected = {
        Pooling.MEAN: [state.mean(axis=0) for state in states],
        Pooling.CLS: [state[0] for state in states],
        Pooling.MAX: [state.max(axis=0) for state in states],
        Pooling.LAST: [state[-1] for state in states],
    }
    for pooling, vectors in expected.items():
        assert np.allclose(engines[pooling].embed(ids), np.stack(vectors), atol=2e-5), pooling


def test_every_layer_computes_what_transformers_computes(tmp_path: Path) -> None:
    spec = read_model(write_model(tmp_path), "tiny")
    path = export_onnx(spec, tmp_path)
    model = onnx.load(str(path), load_external_data=False)
    norms = [node.output[0] for node in model.graph.node if node.op_type == "LayerNormalization"]
    layers = norms[::2]  # the embeddings, then two in each layer
    model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in layers)
    path.write_bytes(model.SerializeToString())
    engine = OnnxEngine(spec, path)
    ids, mask = padded([as_ids(text) for text in LAYER_TEXTS], 0)
    states = engine._session.run(layers, {INPUT_IDS: ids, ATTENTION_MASK: mask})
    assert len(states) == 1 + spec.config.num_hidden_layers
    with np.load(DATA / "bert" / "layers.npz") as arrays:
        expected = np.concatenate([arrays[f"text{i}"] for i in range(len(LAYER_TEXTS))], axis=1)
    for layer, state in enumerate(states):
        assert np.allclose(state, expected[layer], atol=1e-5), layer


@pytest.mark.parametrize("model_type", ["roberta", "xlm-roberta"])
def test_roberta_numbers_positions_after_the_padding(tmp_path: Path, model_type: str) -> None:
    values = {**CONFIG, "model_type": model_type, "pad_token_id": 3}
    spec = read_model(write_model(tmp_path / "model", config=values, limits={}), "tiny")
    assert spec.max_sequence_length == 16 - 4
    engine = OnnxEngine(spec, export_onnx(spec, tmp_path))
    batch = [[2, *range(4, 14), 5], [2, 6]]
    expected = [hidden_states(spec.config, WEIGHTS, text).mean(axis=0) for text in batch]
    assert np.allclose(engine.embed([as_ids(text) for text in batch]), np.stack(expected), atol=2e-5)


@pytest.mark.parametrize("prefix", ["bert.", "roberta."])
def test_weights_of_a_model_with_a_head_are_found(prefix: str) -> None:
    headed = {prefix + name: value for name, value in WEIGHTS.items()}
    plain = build_graph(CONFIGURATION, Pooling.MEAN, WEIGHTS, nowhere).SerializeToString()
    assert build_graph(CONFIGURATION, Pooling.MEAN, headed, nowhere).SerializeToString() == plain


def test_a_missing_tensor_is_named() -> None:
    weights = {name: value for name, value in WEIGHTS.items() if name != "encoder.layer.1.output.dense.bias"}
    with pytest.raises(ModelError, match=r"lack the tensor encoder\.layer\.1\.output\.dense\.bias"):
        build_graph(CONFIGURATION, Pooling.MEAN, weights, nowhere)


def test_a_tensor_of_another_shape_is_named() -> None:
    config = CONFIGURATION.model_copy(update={"intermediate_size": 21})
    with pytest.raises(ModelError, match=r"intermediate\.dense\.weight is float32\[20, 12\], expected float32\[21"):
        build_graph(config, Pooling.MEAN, WEIGHTS, nowhere)


def test_weights_in_another_precision_are_refused() -> None:
    name = "embeddings.LayerNorm.bias"
    weights = {**WEIGHTS, name: WEIGHTS[name].astype(np.float16)}
    with pytest.raises(ModelError, match=r"embeddings\.LayerNorm\.bias is float16"):
        build_graph(CONFIGURATION, Pooling.MEAN, weights, nowhere)  # type: ignore[arg-type]


def test_a_vector_that_is_not_finite_is_an_error(tmp_path: Path) -> None:
    spec = read_model(write_model(tmp_path / "model"), "tiny")
    engine = OnnxEngine(spec, export_onnx(spec, tmp_path))

    class Broken:
        def run(self, *_: object) -> list[object]:
            return [np.array([[np.nan, 1.0]], dtype=np.float32)]

    engine._session = Broken()
    with pytest.raises(EngineError, match="not finite"):
        engine.embed([as_ids([2, 3])])


def test_scaling_gives_length_one_and_refuses_the_zero_vector() -> None:
    assert np.allclose(unit_length(np.array([[3.0, 4.0]], dtype=np.float32)), [[0.6, 0.8]])
    with pytest.raises(EngineError, match="zero vector"):
        unit_length(np.zeros((1, 4), dtype=np.float32))
