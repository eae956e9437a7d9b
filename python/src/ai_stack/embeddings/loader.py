"""Loads the model in the background, and says how far it is."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any

from ai_stack.embeddings.embedder import Embedder
from ai_stack.embeddings.engine import Engine, OnnxEngine, unit_length
from ai_stack.embeddings.export import export_onnx, onnx_path
from ai_stack.embeddings.metrics import EmbeddingsMetrics
from ai_stack.embeddings.model import ONNX_ENGINES, PRECISIONS, ModelSpec, read_model
from ai_stack.embeddings.settings import EmbeddingsSettings
from ai_stack.embeddings.tokens import TextTokenizer
from ai_stack.embeddings.torch_engine import TorchEngine
from ai_stack.service.errors import Unavailable
from ai_stack.service.health import Health
from ai_stack.service.logs import get_logger

log = get_logger(__name__)

_RETRY_AFTER = 2.0


class ModelStatus(StrEnum):
    """How far the model is."""

    LOADING = "loading"
    READY = "ready"
    ERROR = "error"


class ModelLoader:
    """Holds the model when it is loaded. Belongs to one event loop.

    The service is up before its model is: it answers probes, and refuses everything else with 503. After the last
    attempt it stays in that state, so that it can still be asked what is wrong; a service manager that waits for
    readiness then starts it anew.

    Args:
        settings: of the service.
        health: told when the service can serve.
        metrics: told how long loading took.
        sleep: waits between attempts, seconds.
    """

    def __init__(
        self,
        settings: EmbeddingsSettings,
        health: Health,
        metrics: EmbeddingsMetrics,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.status = ModelStatus.LOADING
        self._settings = settings
        self._health = health
        self._metrics = metrics
        self._sleep = sleep
        self._embedder: Embedder | None = None
        self._task: asyncio.Task[None] | None = None
        self._begun = time.monotonic()
        health.hold_ready()
        health.set_not_ready("the model is loading")
        health.add_detail(self._describe)

    @property
    def embedder(self) -> Embedder:
        """The model at work.

        Raises:
            Unavailable: it is not loaded.
        """
        if self._embedder is None:
            if self.status is ModelStatus.ERROR:
                raise Unavailable("the model could not be loaded")
            raise Unavailable("the model is loading", retry_after=_RETRY_AFTER)
        return self._embedder

    def start(self) -> None:
        """Begin to load."""
        self._begun = time.monotonic()
        self._task = asyncio.create_task(self._load(), name="model-load")

    async def close(self) -> None:
        """Stop loading, or stop the model's work."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._embedder is not None:
            await self._embedder.close()

    def report_gauges(self) -> None:
        """Bring the metrics of the queue and the cache up to date."""
        if self._embedder is not None:
            self._embedder.report_gauges()

    async def _load(self) -> None:
        for attempt in range(1, self._settings.load_attempts + 1):
            if attempt > 1:
                await self._sleep(self._settings.load_backoff * 2 ** (attempt - 2))
            begun = time.monotonic()
            try:
                loaded = await asyncio.to_thread(load_model, self._settings)
            except Exception:
                log.exception("model.load_failed", attempt=attempt, attempts=self._settings.load_attempts)
            else:
                self._serve(*loaded, seconds=time.monotonic() - begun)
                return
        self.status = ModelStatus.ERROR
        self._health.set_not_ready("the model could not be loaded")

    def _serve(self, spec: ModelSpec, tokenizer: TextTokenizer, engine: Engine, *, seconds: float) -> None:
        settings = self._settings
        self._embedder = Embedder(
            spec,
            tokenizer,
            engine,
            workers=settings.workers,
            batch_tokens=settings.batch_tokens,
            max_queue_tokens=settings.max_queue_tokens,
            cache_bytes=settings.cache_bytes,
            metrics=self._metrics,
        )
        self.status = ModelStatus.READY
        self._metrics.loaded(seconds)
        self._health.mark_ready()
        log.info(
            "model.loaded",
            model=spec.name,
            revision=spec.revision,
            dimensions=spec.dimensions,
            seconds=round(seconds, 3),
        )

    def _describe(self) -> dict[str, Any]:
        detail: dict[str, Any] = {"model": self._settings.model_name}
        if self.status is not ModelStatus.READY:
            detail["status"] = self.status.value
        if self.status is ModelStatus.LOADING:
            detail["loading_time_seconds"] = round(time.monotonic() - self._begun, 3)
        return detail


def load_model(settings: EmbeddingsSettings) -> tuple[ModelSpec, TextTokenizer, Engine]:
    """Read the model, write its ONNX file when that is needed and not there yet, and compute a first vector. Blocks.

    Raises:
        ModelError: the model directory cannot be used, or this machine cannot compute in that precision.
        OSError: the cache directory cannot be used.
        Exception: the engine does not take the model; an ONNX file has been deleted then, to be written anew.
    """
    spec = read_model(settings.model_dir, settings.model_name, PRECISIONS[settings.engine])
    tokenizer = TextTokenizer(spec)
    first = [text.ids for text in tokenizer.encode(["first vector"])]
    engine: Engine
    if settings.engine not in ONNX_ENGINES:
        engine = TorchEngine(spec)
        unit_length(engine.embed(first))
        return spec, tokenizer, engine
    path = onnx_path(spec, settings.cache_dir)
    if not path.exists():
        export_onnx(spec, settings.cache_dir)
    try:
        engine = OnnxEngine(spec, path)
        unit_length(engine.embed(first))
    except Exception:
        # A file of the Nix store cannot be deleted; what is wrong with it is the news, not that.
        with contextlib.suppress(OSError):
            path.unlink()
        raise
    return spec, tokenizer, engine
