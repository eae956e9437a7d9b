"""Text to token ids."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from tokenizers import Encoding, Tokenizer

from ai_stack.embeddings.engine import TokenIds
from ai_stack.embeddings.model import TOKENIZER_FILE, ModelError, ModelSpec


@dataclass(frozen=True, slots=True)
class TokenizedText:
    """A text as the model reads it."""

    ids: TokenIds
    """Special tokens included."""
    truncated: bool
    """Whether the text was longer than the model reads."""


class TextTokenizer:
    """The model's own tokenizer. Calls block; several threads may call at once.

    Raises:
        ModelError: `tokenizer.json` cannot be read.
    """

    def __init__(self, spec: ModelSpec) -> None:
        # The library would start a thread per core inside a call. Here whole calls run beside one another.
        os.environ["TOKENIZERS_PARALLELISM"] = "false"
        path = spec.directory / TOKENIZER_FILE
        try:
            self._tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises bare Exception
            raise ModelError(f"{path}: {error}") from error
        # The file carries settings from training (MiniLM: padded and cut to 128) that are not the model's limit.
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(spec.max_sequence_length)
        self._lowercase = spec.lowercase

    def encode(self, texts: Sequence[str]) -> list[TokenizedText]:
        """Return the tokens of each text, cut to the model's longest input."""
        prepared = [text.lower() for text in texts] if self._lowercase else list(texts)
        return [
            TokenizedText(ids=np.array(encoding.ids, dtype=np.int64), truncated=bool(encoding.overflowing))
            for encoding in self._tokenizer.encode_batch_fast(prepared)
        ]

    def describe(self, texts: Sequence[str], *, special: bool) -> list[list[dict[str, Any]]]:
        """Return all tokens of each text, uncut: what `schemas.Token` says.

        Args:
            texts: any number.
            special: with the tokens that the model adds.
        """
        prepared = [text.lower() for text in texts] if self._lowercase else list(texts)
        encodings = self._uncut.encode_batch(prepared, add_special_tokens=special)
        return [_describe(text, encoding) for text, encoding in zip(prepared, encodings, strict=True)]

    @cached_property
    def _uncut(self) -> Tokenizer:
        """Made when first asked for: few ask, and a second vocabulary takes megabytes."""
        tokenizer = Tokenizer.from_str(self._tokenizer.to_str())
        tokenizer.no_truncation()
        return tokenizer


def _describe(text: str, encoding: Encoding) -> list[dict[str, Any]]:
    return [
        {"id": number, "text": token, "special": True, "start": None, "stop": None}
        if added
        else {"id": number, "text": text[start:stop], "special": False, "start": start, "stop": stop}
        for number, token, added, (start, stop) in zip(
            encoding.ids, encoding.tokens, encoding.special_tokens_mask, encoding.offsets, strict=True
        )
    ]
