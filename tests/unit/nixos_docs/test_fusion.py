import numpy as np
import pytest

from ai_stack.nixos_docs.fusion import fuse, is_prose


@pytest.mark.parametrize(
    ("question", "prose"),
    [
        ("how do I install it from a running system", True),
        ("why is this library in the closure of my program?", True),
        ("garbage collection nix store", False),
        ("error: the user 'x' in the group does not exist", False),
        ("what is services.nginx.enable for", False),
        ("", False),
    ],
)
def test_sentences_are_told_from_key_words_and_messages(question: str, prose: bool) -> None:
    assert is_prose(question) is prose


def test_words_and_meaning_are_added_up() -> None:
    words, meaning = np.array([4, 0, 2, 0], np.float32), np.array([0.1, 0.8, 0.8, 0.1], np.float32)
    assert np.argsort(-fuse("key words", words, meaning)).tolist()[:2] == [0, 2]
    assert np.argsort(-fuse("what is it that this is about", words, meaning)).tolist()[:2] == [2, 0]


def test_what_shares_neither_words_nor_meaning_is_no_hit() -> None:
    scores = fuse("key words", np.array([0, 0, 1], np.float32), np.array([0.2, 0.3, -0.5], np.float32))
    assert (scores > 0).tolist() == [False, True, True]
