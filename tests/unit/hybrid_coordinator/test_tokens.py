"""Token counts: the estimate, and the exact count of a tokenizer file."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_stack.hybrid_coordinator.tokens import EstimatedTokens, TokenizerTokens

ESTIMATE = EstimatedTokens()


@given(st.text(max_size=200), st.text(max_size=200))
def test_the_estimate_of_a_whole_does_not_exceed_that_of_its_parts(a: str, b: str) -> None:
    # Except where two runs of letters join to one that is no word any more.
    assert ESTIMATE.count(f"{a}\n{b}") <= ESTIMATE.count(a) + ESTIMATE.count(b) + 1


@given(st.text(max_size=200))
def test_every_visible_character_run_counts(text: str) -> None:
    assert (ESTIMATE.count(text) > 0) == any(not c.isspace() or c == "\n" for c in text)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0),
        ("the firewall", 3),
        ("services.openssh.enable = true;", 11),
        ("1234", 4),
        ("日本語", 3),
        ("a" * 48, 24),
        ("🙂", 2),
    ],
)
def test_the_estimate_follows_words_digits_and_scripts(text: str, tokens: int) -> None:
    assert ESTIMATE.count(text) == tokens


def word_level(path: Path) -> Path:
    """A tokenizer file of three words that cuts to two tokens and pads to eight."""
    model = {"type": "WordLevel", "vocab": {"[UNK]": 0, "open": 1, "ports": 2}, "unk_token": "[UNK]"}
    content: dict[str, object] = {
        "version": "1.0",
        "truncation": {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0},
        "padding": {
            "strategy": {"Fixed": 8},
            "direction": "Right",
            "pad_to_multiple_of": None,
            "pad_id": 0,
            "pad_type_id": 0,
            "pad_token": "[UNK]",
        },
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": None,
        "decoder": None,
        "model": model,
    }
    path.write_text(json.dumps(content))
    return path


def test_a_tokenizer_file_counts_exactly_without_its_padding_and_truncation(tmp_path: Path) -> None:
    tokens = TokenizerTokens(word_level(tmp_path / "tokenizer.json"))
    assert tokens.count("open ports open") == 3
    assert tokens.count("") == 0


@pytest.mark.parametrize("content", [None, "not json", "{}"])
def test_an_unusable_tokenizer_file_is_an_error_that_names_it(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "tokenizer.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ValueError, match=r"tokenizer\.json"):
        TokenizerTokens(path)
