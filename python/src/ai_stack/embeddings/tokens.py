"""Text to token ids."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tokenizers import Tokenizer

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
