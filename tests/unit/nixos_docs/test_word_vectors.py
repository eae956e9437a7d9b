"""Vectors of questions that are put together from those of their words."""

import numpy as np
import pytest
from numpy.typing import NDArray

from ai_stack.nixos_docs.semantic import words as word_vectors
from ai_stack.nixos_docs.semantic.words import MIN_OPTIONS, WordVectors, fit, words_of

DIMENSIONS = 48
VOCABULARY = [f"word{number}" for number in range(60)]


def unit(vectors: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), np.float32)


@pytest.fixture(scope="module")
def texts() -> list[tuple[str, str]]:
    random = np.random.default_rng(1)
    chosen = [random.choice(VOCABULARY, 6, replace=False) for _ in range(3 * MIN_OPTIONS)]
    return [(" ".join(words[:3]), " ".join(words)) for words in chosen]


@pytest.fixture(scope="module")
def meaning() -> NDArray[np.float32]:
    """What the words mean within options."""
    return unit(np.random.default_rng(2).standard_normal((len(VOCABULARY), DIMENSIONS)))


def options_of(texts: list[tuple[str, str]], meaning: NDArray[np.float32]) -> NDArray[np.float32]:
    place = {word: number for number, word in enumerate(VOCABULARY)}
    return np.asarray(
        [
            np.mean([unit(meaning[[place[w] for w in part.split()]].sum(axis=0)) for part in parts], axis=0)
            for parts in texts
        ],
        np.float32,
    )


@pytest.fixture(scope="module")
def learned(texts: list[tuple[str, str]], meaning: NDArray[np.float32]) -> WordVectors:
    # By themselves, the words tell nothing of what they mean within options.
    alone = unit(np.random.default_rng(3).standard_normal((len(VOCABULARY), DIMENSIONS)))
    found = fit(texts, VOCABULARY, alone, options_of(texts, meaning), options_of(texts[:5], meaning))
    assert found is not None
    return found


def test_what_words_mean_within_options_is_learned_from_these(
    learned: WordVectors, texts: list[tuple[str, str]]
) -> None:
    for number, (_, text) in enumerate(texts[:50]):
        vector = learned.embed(text)
        assert vector is not None
        assert int(np.argmax(learned.similarity_of_options(vector))) == number


def test_sections_lie_in_the_same_space(learned: WordVectors, texts: list[tuple[str, str]]) -> None:
    vector = learned.embed(texts[3][1])
    assert vector is not None
    assert int(np.argmax(learned.sections @ vector)) == 3


def test_unknown_words_are_passed_over(learned: WordVectors) -> None:
    known = learned.embed("word1 word2")
    assert known is not None
    passed_over = learned.embed("word1 unheard word2")
    assert passed_over is not None
    assert np.allclose(known, passed_over)
    assert learned.embed("unheard") is None
    assert np.linalg.norm(known) == pytest.approx(1.0, abs=1e-5)


def test_the_nearest_options_are_compared_in_full(
    learned: WordVectors, texts: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(word_vectors, "_COARSE", 32)
    coarse = WordVectors(
        learned.places, learned.words, learned.options, learned.options[:, :32].copy(), learned.sections
    )
    vector = learned.embed(texts[7][1])
    assert vector is not None
    exact = learned.options @ vector
    found = coarse.similarity_of_options(vector)
    assert np.argmax(found) == np.argmax(exact) == 7
    assert np.isclose(found, exact, atol=1e-5).sum() >= 5


def test_a_few_options_teach_nothing(texts: list[tuple[str, str]], meaning: NDArray[np.float32]) -> None:
    few = options_of(texts[: MIN_OPTIONS - 1], meaning)
    assert fit(texts[: MIN_OPTIONS - 1], VOCABULARY, meaning, few, few) is None


def test_words_that_say_nothing_are_left_out_unless_there_are_no_others() -> None:
    assert words_of("How do I open the Firewall?") == ["open", "firewall"]
    assert words_of("to be or not") == ["to", "be", "or", "not"]
