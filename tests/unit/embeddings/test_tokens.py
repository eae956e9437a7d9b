from pathlib import Path

import pytest

from ai_stack.embeddings.model import ModelError, read_model
from ai_stack.embeddings.tokens import TextTokenizer
from support.tiny_bert import write_model


@pytest.fixture
def tokenizer(tmp_path: Path) -> TextTokenizer:
    return TextTokenizer(read_model(write_model(tmp_path), "tiny"))


def test_texts_get_their_special_tokens_and_no_padding(tokenizer: TextTokenizer) -> None:
    short, longer = tokenizer.encode(["a", "nixos store"])
    assert short.ids.tolist() == [2, 4, 3]
    assert longer.ids.tolist() == [2, 14, 15, 16, 3]
    assert not short.truncated
    assert not longer.truncated


def test_a_text_is_cut_at_the_models_limit_and_says_so(tokenizer: TextTokenizer) -> None:
    fits, cut = tokenizer.encode(["a b c d e f", "a b c d e f g"])
    assert fits.ids.tolist() == cut.ids.tolist() == [2, 4, 5, 6, 7, 8, 9, 3]
    assert not fits.truncated
    assert cut.truncated


def test_texts_are_lowercased_where_the_model_says_so(tmp_path: Path) -> None:
    plain = TextTokenizer(read_model(write_model(tmp_path / "plain"), "tiny"))
    limits = {"max_seq_length": 8, "do_lower_case": True}
    lower = TextTokenizer(read_model(write_model(tmp_path / "lower", limits=limits), "tiny"))
    assert plain.encode(["NIX"])[0].ids.tolist() == [2, 1, 3]
    assert lower.encode(["NIX"])[0].ids.tolist() == [2, 14, 3]


def test_all_tokens_of_a_text_are_described_beyond_the_limit(tokenizer: TextTokenizer) -> None:
    (tokens,) = tokenizer.describe(["a  nixos b c d e f g"], special=True)
    assert len(tokens) == 2 + 9
    assert tokens[0] == {"id": 2, "text": "[CLS]", "special": True, "start": None, "stop": None}
    assert tokens[2] == {"id": 14, "text": "nix", "special": False, "start": 3, "stop": 6}
    assert tokens[3] == {"id": 15, "text": "os", "special": False, "start": 6, "stop": 8}
    assert [token["id"] for token in tokenizer.describe(["a z"], special=False)[0]] == [4, 1]
    assert tokenizer.encode(["a b c d e f g"])[0].truncated


def test_a_tokenizer_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    spec = read_model(write_model(tmp_path), "tiny")
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match=r"tokenizer\.json: "):
        TextTokenizer(spec)
