import json
from pathlib import Path
from typing import Any

import pytest

from ai_stack.embeddings.model import ModelError, Pooling, read_model
from support.tiny_bert import CONFIG, write_model


def test_a_model_directory_is_read(tmp_path: Path) -> None:
    spec = read_model(write_model(tmp_path), "tiny")
    assert (spec.name, spec.dimensions, spec.max_sequence_length) == ("tiny", 12, 8)
    assert spec.pooling is Pooling.MEAN
    assert spec.normalize
    assert len(spec.weights_sha256) == 64


def test_normalisation_follows_the_list_of_modules(tmp_path: Path) -> None:
    assert not read_model(write_model(tmp_path, normalize=False), "tiny").normalize


@pytest.mark.parametrize(
    ("limits", "tokenizer", "expected"),
    [
        ({"max_seq_length": 8}, {"model_max_length": 5}, 8),
        ({"max_seq_length": 4096}, {}, 16),
        ({"max_seq_length": None}, {"model_max_length": 5}, 5),
        ({}, {"model_max_length": 10**30}, 16),
        ({}, {}, 16),
    ],
)
def test_the_longest_input_is_the_smallest_limit_that_applies(
    tmp_path: Path, limits: dict[str, Any], tokenizer: dict[str, Any], expected: int
) -> None:
    directory = write_model(tmp_path, limits=limits)
    (directory / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    assert read_model(directory, "tiny").max_sequence_length == expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "t5"}, "config.json: model_type: Input should be 'bert', 'roberta' or 'xlm-roberta'"),
        ({"hidden_act": "swish"}, "config.json: hidden_act"),
        ({"position_embedding_type": "relative_key"}, "config.json: position_embedding_type"),
        ({"hidden_size": None}, "config.json: hidden_size"),
        ({"num_attention_heads": 5}, "config.json: hidden_size is no multiple"),
    ],
)
def test_a_configuration_that_is_not_implemented_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        read_model(write_model(tmp_path, config={**CONFIG, **change}), "tiny")


@pytest.mark.parametrize("pooling", ["weightedmean_tokens", "none"])
def test_a_pooling_that_is_not_implemented_is_named(tmp_path: Path, pooling: str) -> None:
    with pytest.raises(ModelError, match=r"1_Pooling/config\.json: pooling .* is not supported"):
        read_model(write_model(tmp_path, pooling=pooling), "tiny")


def test_prompts_are_read(tmp_path: Path) -> None:
    directory = write_model(tmp_path)
    assert read_model(directory, "tiny").prompts == {}
    prompts = {"query": "query: ", "document": ""}
    content = json.dumps({"prompts": prompts, "default_prompt_name": "document"})
    (directory / "config_sentence_transformers.json").write_text(content)
    spec = read_model(directory, "tiny")
    assert (spec.prompts, spec.default_prompt) == (prompts, "document")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"prompts": ["query: "]}, "prompts: expected an object of texts"),
        ({"prompts": {"query": 3}}, "prompts: expected an object of texts"),
        ({"prompts": {"query": "q"}, "default_prompt_name": "other"}, "there is no prompt 'other'"),
    ],
)
def test_prompts_that_cannot_be_used_are_named(tmp_path: Path, content: dict[str, Any], message: str) -> None:
    directory = write_model(tmp_path)
    (directory / "config_sentence_transformers.json").write_text(json.dumps(content))
    with pytest.raises(ModelError, match=r"config_sentence_transformers\.json: ") as caught:
        read_model(directory, "tiny")
    assert message in str(caught.value)


def test_pooling_without_the_prompt_is_refused(tmp_path: Path) -> None:
    directory = write_model(tmp_path)
    (directory / "config_sentence_transformers.json").write_text('{"prompts": {"query": "query: "}}')
    (directory / "1_Pooling" / "config.json").write_text('{"pooling_mode_mean_tokens": true, "include_prompt": false}')
    with pytest.raises(ModelError, match="without the prompt"):
        read_model(directory, "tiny")


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        ('[{"type": "a.Transformer", "path": ""}, {"type": "a.Dense", "path": "2_Dense"}]', "Dense"),
        ('[{"type": "a.Transformer", "path": "0_T"}, {"type": "a.Pooling", "path": "1_Pooling"}]', "'0_T'"),
        ('{"type": 1}', "not a list of modules"),
        ("[", "not JSON"),
    ],
)
def test_a_list_of_modules_that_is_not_implemented_is_named(tmp_path: Path, modules: str, message: str) -> None:
    directory = write_model(tmp_path)
    (directory / "modules.json").write_text(modules)
    with pytest.raises(ModelError, match=r"modules\.json: ") as caught:
        read_model(directory, "tiny")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "name", ["model.safetensors", "tokenizer.json", "modules.json", "config.json", "1_Pooling/config.json"]
)
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    directory = write_model(tmp_path)
    (directory / name).unlink()
    with pytest.raises(ModelError, match=r"[Nn]o such file") as caught:
        read_model(directory, "tiny")
    assert name in str(caught.value)


def test_a_file_that_is_no_object_is_named(tmp_path: Path) -> None:
    directory = write_model(tmp_path)
    (directory / "config.json").write_text("[]")
    with pytest.raises(ModelError, match=r"config\.json: not a JSON object"):
        read_model(directory, "tiny")
