"""Keeps the vectors of the index in use: computes what is missing, in the background, and loads them when complete."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ai_stack.nixos_docs.pool import IndexPool
from ai_stack.nixos_docs.semantic.embedder import Embedder, ModelIdentity, ModelInfo
from ai_stack.nixos_docs.semantic.store import VectorStore, VectorsUnusable
from ai_stack.nixos_docs.semantic.texts import IndexTexts, Item, read_texts
from ai_stack.nixos_docs.semantic.vectors import Floats, IndexVectors
from ai_stack.nixos_docs.semantic.words import WordVectors, fit
from ai_stack.service.errors import ServiceError
from ai_stack.service.logs import get_logger

# Seconds between looks at which model the embeddings service runs.
CHECK_EVERY = 30.0
MAX_PAUSE = 60.0

# Texts of a request, and requests at a time: enough to keep two processor cores at work.
BATCH_SIZE = 32
CONCURRENCY = 2

log = get_logger(__name__)


class VectorKeeper:
    """Gives the index in use its vectors. Belongs to one event loop.

    Args:
        pool: returns the index in use, None while there is none.
        embedder: of the embeddings service.
        directory: where vectors are kept.
        batch_timeout: seconds for one request.
    """

    def __init__(
        self,
        pool: Callable[[], IndexPool | None],
        embedder: Embedder,
        directory: Path,
        *,
        batch_timeout: float,
    ) -> None:
        self._pool = pool
        self._embedder = embedder
        self._directory = directory
        self._batch_timeout = batch_timeout
        self._wake = asyncio.Event()
        self._problem: str | None = None
        self.missing = 0

    @property
    def problem(self) -> str | None:
        """Why the index has no vectors that can be used; None when it has, or when they are being computed."""
        return self._problem

    def wake(self) -> None:
        """Look at once: the index or the model may have changed."""
        self._wake.set()

    async def keep(self) -> None:
        """Work until cancelled."""
        pause = 0.0
        while True:
            self._wake.clear()
            try:
                await self._once()
            except (ServiceError, VectorsUnusable) as error:
                pause = min(MAX_PAUSE, max(1.0, pause * 2))
                self._note(str(error))
            except Exception:
                pause = MAX_PAUSE
                log.exception("vectors.failed", retry_in_seconds=pause)
                self._problem = "the vectors cannot be computed; the log says why"
            else:
                pause = 0.0
                self._note(None)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause or CHECK_EVERY):
                    await self._wake.wait()

    async def _once(self) -> None:
        pool = self._pool()
        info = await self._embedder.refresh()
        if pool is None:
            return
        if pool.vectors is not None:
            if pool.vectors.identity == info.identity:
                return
            self._note(f"the vectors are of {pool.vectors.identity}, the embeddings service runs {info.identity}")
        texts = await asyncio.to_thread(read_texts, pool.info.path)
        items = [*texts.sections, *texts.options, *texts.words]
        with await asyncio.to_thread(VectorStore, self._directory, info.identity) as store:
            await self._complete(store, items, info)
            # The same index and the same model as before?
            if self._pool() is not pool or (await self._embedder.refresh()).identity != info.identity:
                self.wake()
                return
            vectors = pool.vectors = await asyncio.to_thread(_load, store, texts, info.identity)
            await asyncio.to_thread(store.keep_only, [item.key for item in items])
            words = await asyncio.to_thread(_learn, store, texts, vectors)
            if self._pool() is pool:
                pool.vectors = replace(vectors, words=words)
        log.info("vectors.loaded", sections=len(texts.sections), options=len(texts.options), model=str(info.identity))

    async def _complete(self, store: VectorStore, items: Sequence[Item], info: ModelInfo) -> None:
        """Compute the vectors that are missing."""
        known = await asyncio.to_thread(store.known, [item.key for item in items])
        missing = list({item.key: item for item in items if item.key not in known}.values())
        if not missing:
            return
        # Texts of like length in a request: the model pads all to the longest.
        missing.sort(key=lambda item: (len(item.texts), sum(map(len, item.texts))))
        self.missing = len(missing)
        begun = time.monotonic()
        log.info("vectors.computing", missing=len(missing), model=str(info.identity))
        size = max(1, min(BATCH_SIZE, info.max_batch_size))
        batches = _batches(missing, size)
        try:
            while batches:
                group = [batches.pop() for _ in range(min(CONCURRENCY, len(batches)))]
                computed = await asyncio.gather(*(self._compute(batch, info) for batch in group))
                # The answers do not say which model made them; the same one before and after did.
                if (await self._embedder.refresh()).identity != info.identity:
                    raise VectorsUnusable("the model changed while it was at work")
                for batch, vectors in zip(group, computed, strict=True):
                    await asyncio.to_thread(store.add, [item.key for item in batch], vectors)
                    self.missing -= len(batch)
        finally:
            self.missing = 0
        log.info("vectors.computed", duration_seconds=round(time.monotonic() - begun, 1))

    async def _compute(self, batch: Sequence[Item], info: ModelInfo) -> Floats:
        texts = [text for item in batch for text in item.texts]
        vectors = await self._embedder.embed_texts(texts, info, timeout=self._batch_timeout)
        means = []
        place = 0
        for item in batch:
            means.append(vectors[place : place + len(item.texts)].mean(axis=0))
            place += len(item.texts)
        return np.asarray(means, np.float32)

    def _note(self, problem: str | None) -> None:
        if problem != self._problem:
            self._problem = problem
            if problem:
                log.warning("vectors.not_usable", reason=problem)
            else:
                log.info("vectors.usable")


def _batches(items: Sequence[Item], size: int) -> list[list[Item]]:
    """Return the items in lists of at most `size` texts (an item with more is a list by itself)."""
    batches: list[list[Item]] = []
    texts = 0
    for item in items:
        if not batches or texts + len(item.texts) > size:
            batches.append([])
            texts = 0
        batches[-1].append(item)
        texts += len(item.texts)
    return batches


def _load(store: VectorStore, texts: IndexTexts, identity: ModelIdentity) -> IndexVectors:
    return IndexVectors(
        identity=identity,
        sections=store.matrix([item.key for item in texts.sections]),
        options=store.matrix([item.key for item in texts.options]),
    )


def _learn(store: VectorStore, texts: IndexTexts, vectors: IndexVectors) -> WordVectors | None:
    return fit(
        [item.texts for item in texts.options],
        [item.texts[0] for item in texts.words],
        store.matrix([item.key for item in texts.words]),
        vectors.options,
        vectors.sections,
    )
