"""From texts to vectors: look them up, tokenize, wait for the engine, compute."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ai_stack.embeddings.admission import TokenBudget
from ai_stack.embeddings.batcher import Batcher, BatchReport
from ai_stack.embeddings.cache import CachedText, VectorCache
from ai_stack.embeddings.engine import Engine, Vectors, unit_length
from ai_stack.embeddings.metrics import EmbeddingsMetrics
from ai_stack.embeddings.model import ModelSpec
from ai_stack.embeddings.single_flight import SingleFlight
from ai_stack.embeddings.tokenizing import SharedTokenizer
from ai_stack.embeddings.tokens import TextTokenizer, TokenizedText
from ai_stack.service.errors import Unprocessable
from ai_stack.service.tracing import span

# English prose has 4 to 5 characters a token. The estimate only holds until the tokenizer has counted.
_CHARACTERS_PER_TOKEN = 4
_SPECIAL_TOKENS = 2


@dataclass(frozen=True, slots=True)
class Timing:
    """Where the time of a request went, in seconds."""

    tokenize: float = 0.0
    queue: float = 0.0
    infer: float = 0.0


@dataclass(frozen=True, slots=True)
class Embedded:
    """What became of a request's texts."""

    vectors: Vectors
    """One row per text, in their order (float32)."""
    tokens: int
    """Tokens of all texts as the model reads them, special ones included."""
    truncated: int
    """Texts that were longer than the model reads."""
    cached: int
    """Texts that were not computed, because their vectors were kept from before."""
    timing: Timing


class Embedder:
    """A loaded model at work. Belongs to one event loop.

    Args:
        spec: the model.
        tokenizer: its tokenizer.
        engine: its engine.
        workers: calls of the engine at the same time, and as many of the tokenizer.
        batch_tokens: see `Batcher`.
        max_queue_tokens: see `TokenBudget`.
        cache_bytes: see `VectorCache`.
        metrics: what is measured goes there.
    """

    def __init__(
        self,
        spec: ModelSpec,
        tokenizer: TextTokenizer,
        engine: Engine,
        *,
        workers: int,
        batch_tokens: int,
        max_queue_tokens: int,
        cache_bytes: int,
        metrics: EmbeddingsMetrics,
    ) -> None:
        self.spec = spec
        self._tokenizer = tokenizer
        self._metrics = metrics
        self._budget = TokenBudget(max_queue_tokens, workers)
        self._cache = VectorCache(spec.identity, cache_bytes)
        self._single: SingleFlight[tuple[str, bool, str], tuple[dict[str, CachedText], Timing]] = SingleFlight()
        # Apart, so that a request is tokenized while the engine is busy: its length decides when it gets there.
        self._tokenizing = ThreadPoolExecutor(workers, thread_name_prefix="tokenize")
        self._shared_tokenizer = SharedTokenizer(tokenizer.encode, self._tokenizing, workers=workers)
        self._computing = ThreadPoolExecutor(workers, thread_name_prefix="infer")
        self._batcher = Batcher(
            engine,
            self._computing,
            workers=workers,
            dimensions=spec.dimensions,
            batch_tokens=batch_tokens,
            on_batch=self._observe,
            on_wait=metrics.waited,
        )

    async def embed(self, texts: Sequence[str], *, normalize: bool, truncate: bool, client: str) -> Embedded:
        """Return the vectors of texts.

        Args:
            texts: at least one.
            normalize: scale vectors to unit length.
            truncate: cut what is longer than the model reads, rather than refuse it.
            client: who asks, for fair shares.

        Raises:
            TooManyRequests: too much work is waiting already.
            Unprocessable: a text is too long and `truncate` is off.
            Unavailable: the service is shutting down.
        """
        distinct = dict.fromkeys(texts)
        known = {text: entry for text in distinct if (entry := self._cache.get(text)) is not None}
        cached = sum(text in known for text in texts)
        self._metrics.looked_up(cached, len(texts) - cached)
        if not truncate:
            self._refuse_truncated(texts, known)
        timing = Timing()
        if missing := [text for text in distinct if text not in known]:
            compute = partial(self._compute, texts, missing, truncate=truncate, client=client)
            # Only a text that comes alone waits for its like: others would have to wait for all that came with it.
            alone = len(texts) == 1
            computed, timing = await (self._single.run((client, truncate, texts[0]), compute) if alone else compute())
            known |= computed
        entries = [known[text] for text in texts]
        vectors = np.stack([entry.vector for entry in entries])
        return Embedded(
            vectors=unit_length(vectors) if normalize else vectors,
            tokens=sum(entry.tokens for entry in entries),
            truncated=sum(entry.truncated for entry in entries),
            cached=cached,
            timing=timing,
        )

    async def tokens(self, texts: Sequence[str], *, special: bool) -> list[list[dict[str, Any]]]:
        """Return all tokens of each text; see `TextTokenizer.describe`.

        Raises:
            TooManyRequests: too much work is waiting already.
        """
        with self._budget.hold(sum(len(text) // _CHARACTERS_PER_TOKEN + _SPECIAL_TOKENS for text in texts)):
            loop = asyncio.get_running_loop()
            describe = partial(self._tokenizer.describe, texts, special=special)
            return await loop.run_in_executor(self._tokenizing, describe)

    def report_gauges(self) -> None:
        """Bring the metrics of the queue and the cache up to date."""
        self._metrics.queue(self._batcher.waiting, self._budget.held)
        self._metrics.cache(self._cache.size)

    async def close(self) -> None:
        """Refuse what waits, let the engine finish what it has begun."""
        self._batcher.close()
        await asyncio.to_thread(self._computing.shutdown)
        await asyncio.to_thread(self._tokenizing.shutdown)

    async def _compute(
        self, texts: Sequence[str], missing: Sequence[str], *, truncate: bool, client: str
    ) -> tuple[dict[str, CachedText], Timing]:
        """Compute and keep those texts of a request that are `missing`."""
        with self._budget.hold(sum(self._estimate(text) for text in missing)) as hold:
            begun = time.perf_counter()
            tokenized = await self._tokenize(missing)
            seconds = time.perf_counter() - begun
            if not truncate:
                self._refuse_truncated(texts, dict(zip(missing, tokenized, strict=True)))
            hold.correct(sum(len(text.ids) for text in tokenized))
            done = await self._batcher.submit([text.ids for text in tokenized], client=client)
        computed = {}
        for text, tokens, vector in zip(missing, tokenized, done.vectors, strict=True):
            # A copy, so that a row does not keep the whole matrix.
            computed[text] = CachedText(vector.copy(), len(tokens.ids), tokens.truncated)
            self._cache.put(text, computed[text])
        return computed, Timing(seconds, done.queue_seconds, done.infer_seconds)

    async def _tokenize(self, texts: Sequence[str]) -> list[TokenizedText]:
        begun = time.perf_counter()
        with span("embeddings.tokenize", texts=len(texts)):
            tokenized = await self._shared_tokenizer.encode(texts)
        self._metrics.tokenized(time.perf_counter() - begun, sum(text.truncated for text in tokenized))
        return tokenized

    def _refuse_truncated(self, texts: Sequence[str], known: Mapping[str, CachedText | TokenizedText]) -> None:
        for index, text in enumerate(texts):
            if text in known and known[text].truncated:
                raise Unprocessable(f"input {index} is longer than the model's {self.spec.max_sequence_length} tokens")

    def _estimate(self, text: str) -> int:
        return min(len(text) // _CHARACTERS_PER_TOKEN + _SPECIAL_TOKENS, self.spec.max_sequence_length)

    def _observe(self, report: BatchReport) -> None:
        self._metrics.batch(report)
        self._budget.observe(report.tokens, report.seconds)
