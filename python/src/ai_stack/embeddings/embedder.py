"""From texts to vectors: tokenize, wait for the engine, compute."""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ai_stack.embeddings.admission import TokenBudget
from ai_stack.embeddings.batcher import Batcher, BatchReport
from ai_stack.embeddings.engine import Engine, Vectors, unit_length
from ai_stack.embeddings.metrics import EmbeddingsMetrics
from ai_stack.embeddings.model import ModelSpec
from ai_stack.embeddings.tokens import TextTokenizer, TokenizedText
from ai_stack.service.errors import Unprocessable
from ai_stack.service.tracing import span

# English prose has 4 to 5 characters a token. The estimate only holds until the tokenizer has counted.
_CHARACTERS_PER_TOKEN = 4
_SPECIAL_TOKENS = 2


@dataclass(frozen=True, slots=True)
class Embedded:
    """What became of a request's texts."""

    vectors: Vectors
    """One row per text, in their order (float32)."""
    tokens: int
    """Tokens computed for all texts, special ones included."""
    truncated: int
    """Texts that were longer than the model reads."""


class Embedder:
    """A loaded model at work. Belongs to one event loop.

    Args:
        spec: the model.
        tokenizer: its tokenizer.
        engine: its engine.
        workers: calls of the engine at the same time, and as many of the tokenizer.
        batch_tokens: see `Batcher`.
        max_queue_tokens: see `TokenBudget`.
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
        metrics: EmbeddingsMetrics,
    ) -> None:
        self.spec = spec
        self._tokenizer = tokenizer
        self._metrics = metrics
        self._budget = TokenBudget(max_queue_tokens, workers)
        # Apart, so that a request is tokenized while the engine is busy: its length decides when it gets there.
        self._tokenizing = ThreadPoolExecutor(workers, thread_name_prefix="tokenize")
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
        with self._budget.hold(sum(self._estimate(text) for text in texts)) as hold:
            tokenized = await self._tokenize(texts)
            truncated = [index for index, text in enumerate(tokenized) if text.truncated]
            if truncated and not truncate:
                raise Unprocessable(
                    f"input {truncated[0]} is longer than the model's {self.spec.max_sequence_length} tokens"
                )
            tokens = sum(len(text.ids) for text in tokenized)
            hold.correct(tokens)
            vectors = await self._batcher.submit([text.ids for text in tokenized], client=client)
        return Embedded(unit_length(vectors) if normalize else vectors, tokens, len(truncated))

    def report_queue(self) -> None:
        """Bring the metrics of the queue up to date."""
        self._metrics.queue(self._batcher.waiting, self._budget.held)

    async def close(self) -> None:
        """Refuse what waits, let the engine finish what it has begun."""
        self._batcher.close()
        await asyncio.to_thread(self._computing.shutdown)
        await asyncio.to_thread(self._tokenizing.shutdown)

    async def _tokenize(self, texts: Sequence[str]) -> list[TokenizedText]:
        begun = time.perf_counter()
        with span("embeddings.tokenize", texts=len(texts)):
            loop = asyncio.get_running_loop()
            tokenized = await loop.run_in_executor(self._tokenizing, self._tokenizer.encode, texts)
        self._metrics.tokenized(time.perf_counter() - begun, sum(text.truncated for text in tokenized))
        return tokenized

    def _estimate(self, text: str) -> int:
        return min(len(text) // _CHARACTERS_PER_TOKEN + _SPECIAL_TOKENS, self.spec.max_sequence_length)

    def _observe(self, report: BatchReport) -> None:
        self._metrics.batch(report)
        self._budget.observe(report.tokens, report.seconds)
