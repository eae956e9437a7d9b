"""Metrics of the embeddings service. To be touched from the event loop's thread only."""

from ai_stack.embeddings.batcher import BatchReport
from ai_stack.service.metrics import ServiceMetrics

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_TEXTS = (1, 2, 4, 8, 16, 32, 64)


class EmbeddingsMetrics:
    """The service's own metrics."""

    def __init__(self, metrics: ServiceMetrics) -> None:
        self._load = metrics.gauge("embeddings_model_load_seconds", "Time that loading the model took.")
        self._batch_size = metrics.histogram("embeddings_batch_size", "Texts in a call of the engine.", _TEXTS)
        self._wait = metrics.histogram(
            "embeddings_batch_wait_seconds", "Time that a request waited for the engine.", _SECONDS
        )
        self._depth = metrics.gauge("embeddings_batch_queue_depth", "Texts that wait for the engine.")
        self._held = metrics.gauge("embeddings_queue_tokens", "Tokens of the requests that wait or run.")
        self._tokens = metrics.counter("embeddings_tokens_total", "Tokens computed, without padding.")
        self._padding = metrics.counter("embeddings_padding_tokens_total", "Tokens of padding, cheap with onnx.")
        self._truncated = metrics.counter(
            "embeddings_truncated_texts_total", "Texts that were longer than the model reads."
        )
        self._inference = metrics.histogram(
            "embeddings_inference_seconds", "Time that a call of the engine took.", _SECONDS
        )
        self._tokenize = metrics.histogram(
            "embeddings_tokenize_seconds", "Time from a request's texts to their tokens.", _SECONDS
        )
        self._hits = metrics.counter("embeddings_cache_hits_total", "Texts whose vectors were kept from before.")
        self._misses = metrics.counter("embeddings_cache_misses_total", "Texts that were looked for and not kept.")
        self._cache_bytes = metrics.gauge("embeddings_cache_bytes", "Memory that kept vectors take.")
        # rate() sees the first increase only of a series that existed before it.
        for counter in (self._tokens, self._padding, self._truncated, self._hits, self._misses):
            counter.add({}, 0)

    def loaded(self, seconds: float) -> None:
        """The model is loaded."""
        self._load.set({}, seconds)

    def tokenized(self, seconds: float, truncated: int) -> None:
        """The texts of a request are tokenized, `truncated` of them were cut."""
        self._tokenize.observe({}, seconds)
        self._truncated.add({}, truncated)

    def waited(self, seconds: float) -> None:
        """The first text of a request has reached the engine."""
        self._wait.observe({}, seconds)

    def batch(self, report: BatchReport) -> None:
        """The engine has computed a batch."""
        self._batch_size.observe({}, report.texts)
        self._inference.observe({}, report.seconds)
        self._tokens.add({}, report.tokens)
        self._padding.add({}, report.padded_tokens - report.tokens)

    def looked_up(self, hits: int, misses: int) -> None:
        """The texts of a request were looked for among those kept."""
        self._hits.add({}, hits)
        self._misses.add({}, misses)

    def cache(self, size: int) -> None:
        """Present size of the cache, bytes."""
        self._cache_bytes.set({}, size)

    def queue(self, texts: int, tokens: int) -> None:
        """Present size of the queue."""
        self._depth.set({}, texts)
        self._held.set({}, tokens)
