"""Words and meaning of a question for documentation, in one measure."""

import re

import numpy as np
from numpy.typing import NDArray

from ai_stack.nixos_docs.words import STOP_WORDS

# What is less near than this and shares no word has nothing to do with the question (cosine).
_MIN_SIMILARITY = 0.25

# How much the words count. A model of meaning is made for sentences: error messages, names and key words are better
# taken literally.
_SHARE_IN_PROSE = 0.5
_SHARE_OTHERWISE = 0.9

# Fewer of the words of a list of key words are stop words, and sentences about code hold names, quotes or colons.
_PROSE_STOP_WORDS = 0.3
_LITERAL = re.compile(r"[`'\"]\S|\w\.\w|\w/\w|[a-z][A-Z]|\w:\s|_")

_WORD = re.compile(r"\w+")


def is_prose(question: str) -> bool:
    """Whether a question is a sentence, without names, paths or messages in it."""
    words = _WORD.findall(question.lower())
    common = sum(word in STOP_WORDS for word in words)
    return bool(words) and common / len(words) >= _PROSE_STOP_WORDS and not _LITERAL.search(question)


def fuse(question: str, lexical: NDArray[np.float32], similarity: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return one score for each section, 0 for those that have nothing to do with the question.

    Args:
        question: decides how much the words count.
        lexical: scores by words, 0 where there is none of them.
        similarity: cosines with the question's vector.
    """
    share = np.float32(_SHARE_IN_PROSE if is_prose(question) else _SHARE_OTHERWISE)
    found = (lexical > 0) | (similarity >= _MIN_SIMILARITY)
    total = share * _relative(lexical) + (1 - share) * _relative(np.maximum(similarity, 0))
    total[~found] = 0
    return total.astype(np.float32, copy=False)


def _relative(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    most = float(scores.max(initial=0.0))
    return scores / np.float32(most) if most > 0 else scores
