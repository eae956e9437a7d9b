import json
from pathlib import Path

import pytest

from ai_stack.embeddings.handling import prompted
from ai_stack.embeddings.model import ModelSpec, read_model
from ai_stack.service.errors import BadRequest
from support.tiny_bert import write_model

PROMPTS = {"query": "query: ", "document": "passage: "}


def spec(directory: Path, default: str | None = None) -> ModelSpec:
    write_model(directory)
    content = {"prompts": PROMPTS, "default_prompt_name": default}
    (directory / "config_sentence_transformers.json").write_text(json.dumps(content))
    return read_model(directory, "tiny")


def test_a_prompt_goes_before_each_text(tmp_path: Path) -> None:
    assert prompted(["a", "b"], "query", spec(tmp_path)) == ["query: a", "query: b"]


def test_without_a_name_the_models_default_applies_if_it_has_one(tmp_path: Path) -> None:
    assert prompted(["a"], None, spec(tmp_path)) == ["a"]
    assert prompted(["a"], None, spec(tmp_path, "document")) == ["passage: a"]
    assert prompted(["a"], "query", spec(tmp_path, "document")) == ["query: a"]


def test_an_unknown_prompt_is_refused_and_the_known_ones_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="no such prompt; it has: document, query"):
        prompted(["a"], "other", spec(tmp_path))
