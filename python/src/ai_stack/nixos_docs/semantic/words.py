"""Vectors of questions put together from vectors of their words: no model runs, and a question takes microseconds.

To each word belongs a vector such that, for every option, the sum over the words of its text comes near to the vector
that the model made of this text (ridge regression, solved by conjugate gradients: Hestenes and Stiefel, 1952). What the
model makes of the word by itself is where this starts from, and stays wherever the options say little. Vectors are
centred, and cut to the directions in which options differ most (principal components).
"""

import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ai_stack.nixos_docs.words import STOP_WORDS

Floats = NDArray[np.float32]

#: Fewer options than this teach nothing.
MIN_OPTIONS = 100

# Fewer directions make searches quicker and answers worse: with 192 the quality is that of all 384, with 128 it is not.
_DIRECTIONS = 192
_PENALTY = 1.0
_STEPS = 15

# Texts that are summed up at a time: bounds the memory that this takes.
_CHUNK = 512
_BLOCK = 64

# Directions that are looked at of all options. Those nearer than most, by standard deviations, are looked at in full:
# some five in a hundred.
_COARSE = 64
_NEAR = 1.7

_WORD = re.compile(r"[a-z0-9]+")


def words_of(text: str) -> list[str]:
    """Return the words of a text that tell what it is about; all of them when none does."""
    words = _WORD.findall(text.lower())
    return [word for word in words if word not in STOP_WORDS] or words


@dataclass(frozen=True, slots=True)
class WordVectors:
    """Word vectors, and the vectors of options and sections in the same space, of unit length.

    Attributes:
        places: of the words among `words`.
        words: a row for each word.
        options: a row for each option, by number.
        coarse: the first directions of `options` by themselves.
        sections: a row for each section, by place.
    """

    places: dict[str, int]
    words: Floats
    options: Floats
    coarse: Floats
    sections: Floats

    def embed(self, text: str) -> Floats | None:
        """Return the vector of a text, without words that are not known; None when none is."""
        known = [place for word in words_of(text) if (place := self.places.get(word)) is not None]
        if not known:
            return None
        total: Floats = self.words[known].sum(axis=0)
        length = float(np.linalg.norm(total))
        return total / np.float32(length) if length else None

    def similarity_of_options(self, vector: Floats) -> Floats:
        """Return the cosine of each option with a vector: exact for the near ones, by the first directions for others.

        To read all vectors in full takes most of the time of a search, and few options can be among the best.
        """
        cosines: Floats = self.coarse @ vector[:_COARSE]
        nearest = np.flatnonzero(cosines >= cosines.mean() + _NEAR * cosines.std())
        cosines[nearest] = self.options[nearest] @ vector
        return cosines


def fit(
    texts: Sequence[Sequence[str]], vocabulary: Sequence[str], words: Floats, options: Floats, sections: Floats
) -> WordVectors | None:
    """Learn word vectors. Blocking: some ten seconds for all options of NixOS.

    Args:
        texts: of each option, those whose vectors' mean is the option's.
        vocabulary: every word of these texts.
        words: the model's vectors of the words by themselves, one row each.
        options: the model's vectors of the options, one row each.
        sections: those of sections of documentation, one row each.

    Returns:
        None when there are too few options.
    """
    if len(options) < MIN_OPTIONS:
        return None
    places = {word: place for place, word in enumerate(vocabulary)}
    counts = _Counts(texts, places)
    mean = options.mean(axis=0)
    spread = options.T @ options - len(options) * np.outer(mean, mean)
    directions = np.linalg.eigh(spread)[1][:, ::-1][:, :_DIRECTIONS].astype(np.float32)
    wanted = options @ directions - mean @ directions
    learned = words @ directions - words.mean(axis=0) @ directions
    summed = counts.times(learned)
    learned *= np.float32((summed * wanted).sum() / max(float((summed**2).sum()), 1e-12))
    del summed
    # Directions are independent of each other; some at a time take less memory.
    for first in range(0, learned.shape[1], _BLOCK):
        block = slice(first, first + _BLOCK)
        start = np.ascontiguousarray(learned[:, block])
        learned[:, block] += _solve(counts, wanted[:, block] - counts.times(start))
    unit = _unit(wanted)
    return WordVectors(
        places=places,
        words=learned,
        options=unit,
        coarse=np.ascontiguousarray(unit[:, :_COARSE]),
        sections=_unit(sections @ directions - mean @ directions),
    )


class _Counts:
    """How much of each word is in each option's texts, as a sparse matrix (options by words)."""

    def __init__(self, texts: Sequence[Sequence[str]], places: dict[str, int]) -> None:
        rows, columns, values = array("i"), array("i"), array("f")
        for row, parts in enumerate(texts):
            for part in parts:
                found = words_of(part)
                rows.extend([row] * len(found))
                columns.extend([places[word] for word in found])
                # Longer texts have longer sums, by the square root when the words are independent.
                values.extend([1 / (len(parts) * len(found) ** 0.5)] * len(found))
        self._shape = len(texts), len(places)
        self._entries = np.asarray(rows, np.int32), np.asarray(columns, np.int32), np.asarray(values, np.float32)
        order = np.argsort(self._entries[1], kind="stable")
        self._transposed = self._entries[1][order], self._entries[0][order], self._entries[2][order]

    def times(self, vectors: Floats) -> Floats:
        """The product with one vector for each word."""
        return _product(self._entries, vectors, self._shape[0])

    def transposed_times(self, vectors: Floats) -> Floats:
        """The product of the transpose with one vector for each option."""
        return _product(self._transposed, vectors, self._shape[1])


def _product(entries: tuple[NDArray[np.int32], NDArray[np.int32], Floats], vectors: Floats, height: int) -> Floats:
    """Multiply a sparse matrix, its entries sorted by row, with a dense one."""
    rows, columns, values = entries
    result = np.zeros((height, vectors.shape[1]), np.float32)
    bounds = np.searchsorted(rows, np.arange(0, height + _CHUNK, _CHUNK))
    for first, last in pairwise(bounds):
        if first == last:
            continue
        of_chunk = rows[first:last]
        starts = np.flatnonzero(np.diff(of_chunk, prepend=-1))
        terms = vectors[columns[first:last]] * values[first:last, None]
        result[of_chunk[starts]] = np.add.reduceat(terms, starts, axis=0)
    return result


def _solve(counts: _Counts, wanted: Floats) -> Floats:
    """Return what comes nearest to `wanted` when multiplied by the matrix, without growing large."""
    residual = counts.transposed_times(wanted)
    solution = np.zeros_like(residual)
    direction = residual.copy()
    size = (residual**2).sum(axis=0)
    for _ in range(_STEPS):
        image = counts.transposed_times(counts.times(direction)) + np.float32(_PENALTY) * direction
        step = size / np.maximum((direction * image).sum(axis=0), 1e-12)
        solution += step * direction
        residual -= step * image
        smaller = (residual**2).sum(axis=0)
        direction = residual + direction * (smaller / np.maximum(size, 1e-12))
        size = smaller
    return solution


def _unit(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Floats = np.ascontiguousarray(vectors / np.maximum(lengths, 1e-6), np.float32)
    return scaled
