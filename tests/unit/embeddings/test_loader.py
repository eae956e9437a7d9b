import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ai_stack.embeddings.cache import ENTRY_OVERHEAD
from ai_stack.embeddings.export import onnx_path
from ai_stack.embeddings.loader import ModelLoader, ModelStatus, load_model
from ai_stack.embeddings.metrics import EmbeddingsMetrics
from ai_stack.embeddings.model import read_model
from ai_stack.embeddings.settings import EmbeddingsSettings
from ai_stack.service.errors import TooManyRequests, Unavailable, Unprocessable
from ai_stack.service.health import Health
from ai_stack.service.metrics import ServiceMetrics
from support.tiny_bert import write_model
from support.waiting import PATIENCE

ENTRY = 12 * 4 + ENTRY_OVERHEAD


@dataclass
class Bench:
    loader: ModelLoader
    health: Health
    metrics: ServiceMetrics
    sleeps: list[float] = field(default_factory=list)
    before_attempt: Callable[[], None] | None = None

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        if self.before_attempt is not None:
            await asyncio.to_thread(self.before_attempt)

    async def settled(self) -> None:
        assert self.loader._task is not None
        await asyncio.wait_for(asyncio.shield(self.loader._task), PATIENCE)


@asynccontextmanager
async def bench(tmp_path: Path, **values: Any) -> AsyncIterator[Bench]:
    settings = await asyncio.to_thread(
        EmbeddingsSettings, model_dir=tmp_path / "model", cache_dir=tmp_path / "cache", model_name="tiny", **values
    )
    health = Health("embeddings", "1", "ok")
    metrics = ServiceMetrics("embeddings", "embeddings", "embeddings", "1")
    made: Bench | None = None

    async def sleep(seconds: float) -> None:
        assert made is not None
        await made.sleep(seconds)

    loader = ModelLoader(settings, health, EmbeddingsMetrics(metrics), sleep=sleep)
    made = Bench(loader, health, metrics)
    health.resources_up()
    try:
        yield made
    finally:
        await loader.close()


async def embed(loader: ModelLoader, *texts: str, normalize: bool = True, truncate: bool = True) -> Any:
    return await loader.embedder.embed(texts, normalize=normalize, truncate=truncate, client="client")


async def test_before_the_model_is_there_health_says_loading_and_requests_get_503(tmp_path: Path) -> None:
    write_model(tmp_path / "model")
    async with bench(tmp_path) as made:
        status, body = made.health.summary()
        assert (status, body["status"], body["ready"]) == (503, "loading", False)
        assert body["loading_time_seconds"] >= 0
        assert made.health.startup()[0] == 503
        with pytest.raises(Unavailable, match="is loading") as caught:
            _ = made.loader.embedder
        assert caught.value.headers["Retry-After"] == "2"
        made.loader.report_gauges()


async def test_a_loaded_model_embeds_and_says_so(tmp_path: Path) -> None:
    write_model(tmp_path / "model")
    async with bench(tmp_path) as made:
        made.loader.start()
        await made.settled()
        status, body = made.health.summary()
        assert (status, body["status"], body["ready"], body["model"]) == (200, "ok", True, "tiny")
        assert made.health.startup()[0] == 200
        raw = await embed(made.loader, "a", "a b c", normalize=False)
        unit = await embed(made.loader, "a", "a b c")
        assert raw.tokens == unit.tokens == 3 + 5
        assert np.allclose(np.linalg.norm(unit.vectors, axis=1), 1)
        assert np.allclose(raw.vectors / np.linalg.norm(raw.vectors, axis=1, keepdims=True), unit.vectors)
        made.loader.report_gauges()
        assert raw.cached == 0
        assert unit.cached == 2
        text = made.metrics.render()[0].decode()
        for line in ("tokens_total 8", "cache_hits_total 2", "cache_misses_total 2", f"cache_bytes {2 * ENTRY}"):
            assert f"\nembeddings_{line}\n" in text
        assert made.sleeps == []


async def test_a_failed_load_is_tried_again_with_growing_pauses(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    async with bench(tmp_path, load_attempts=4, load_backoff=1.0) as made:

        def repair() -> None:
            if len(made.sleeps) == 3:
                write_model(tmp_path / "model")

        made.before_attempt = repair
        made.loader.start()
        await made.settled()
        assert made.sleeps == [1.0, 2.0, 4.0]
        assert made.loader.status is ModelStatus.READY


async def test_after_the_last_attempt_health_says_error(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    async with bench(tmp_path, load_attempts=2) as made:
        made.loader.start()
        await made.settled()
        status, body = made.health.summary()
        assert (status, body["status"], body["ready"]) == (503, "error", False)
        assert body["message"] == "the model could not be loaded"
        assert str(tmp_path) not in str(body)
        with pytest.raises(Unavailable, match="could not be loaded"):
            _ = made.loader.embedder


async def test_closing_while_it_loads_ends_the_loading(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    async with bench(tmp_path, load_attempts=100) as made:

        async def forever(_: float) -> None:
            await asyncio.Event().wait()

        made.sleep = forever  # type: ignore[method-assign, assignment]
        made.loader.start()
    assert made.loader.status is ModelStatus.LOADING


async def test_a_text_too_long_is_cut_and_counted_or_refused(tmp_path: Path) -> None:
    write_model(tmp_path / "model")
    async with bench(tmp_path) as made:
        made.loader.start()
        await made.settled()
        cut = await embed(made.loader, "a b c d e f", "a b c d e f g h i")
        assert cut.truncated == 1
        assert cut.tokens == 16
        assert np.allclose(cut.vectors[0], cut.vectors[1])
        with pytest.raises(Unprocessable, match="input 1 is longer than the model's 8 tokens"):
            await embed(made.loader, "a", "a b c d e f g h i", truncate=False)


async def test_a_kept_vector_is_refused_like_a_computed_one_when_its_text_is_too_long(tmp_path: Path) -> None:
    write_model(tmp_path / "model")
    async with bench(tmp_path) as made:
        made.loader.start()
        await made.settled()
        for long in ("a b c d e f g h i", "a b c d e f g h i"):
            with pytest.raises(Unprocessable, match="input 2 is longer"):
                await embed(made.loader, "a", "a", long, truncate=False)
            assert (await embed(made.loader, long)).truncated == 1


async def test_equal_texts_are_computed_once_and_all_are_answered(tmp_path: Path) -> None:
    write_model(tmp_path / "model")
    async with bench(tmp_path, cache_bytes=0) as made:
        made.loader.start()
        await made.settled()
        one = await embed(made.loader, "a b", "a", "a b", "a b")
        assert one.tokens == 4 + 3 + 4 + 4
        assert one.cached == 0
        assert np.array_equal(one.vectors[0], one.vectors[2])
        assert not np.allclose(one.vectors[0], one.vectors[1])
        several = await asyncio.gather(*(embed(made.loader, "c d") for _ in range(20)))
        assert all(np.array_equal(each.vectors, several[0].vectors) for each in several)
        await embed(made.loader, "c d")
        assert "\nembeddings_tokens_total 15\n" in made.metrics.render()[0].decode()


async def test_a_full_queue_refuses(tmp_path: Path) -> None:
    write_model(tmp_path / "model")
    async with bench(tmp_path, max_queue_tokens=8) as made:
        made.loader.start()
        await made.settled()
        first = asyncio.create_task(embed(made.loader, "a b c d e f"))
        await asyncio.sleep(0)
        with pytest.raises(TooManyRequests):
            await embed(made.loader, "a b c d e g", "a b c d e h", "a b c d e i")
        assert (await first).tokens == 8


def test_an_onnx_file_that_does_not_load_is_replaced(tmp_path: Path) -> None:
    spec = read_model(write_model(tmp_path / "model"), "tiny")
    settings = EmbeddingsSettings(model_dir=tmp_path / "model", cache_dir=tmp_path, model_name="tiny")
    path = onnx_path(spec, tmp_path)
    path.write_bytes(b"not a graph")
    with pytest.raises(Exception, match=r"(?i)protobuf|invalid"):
        load_model(settings)
    assert not path.exists()
    assert load_model(settings)[0] == spec


def test_the_onnx_file_is_written_once(tmp_path: Path) -> None:
    spec = read_model(write_model(tmp_path / "model"), "tiny")
    settings = EmbeddingsSettings(model_dir=tmp_path / "model", cache_dir=tmp_path / "cache", model_name="tiny")
    load_model(settings)
    first = onnx_path(spec, tmp_path / "cache").stat()
    load_model(settings)
    assert onnx_path(spec, tmp_path / "cache").stat().st_ino == first.st_ino


async def test_the_engine_is_the_one_that_the_settings_name(tmp_path: Path) -> None:
    write_model(tmp_path / "model")
    async with bench(tmp_path, engine="int8") as made:
        made.loader.start()
        await made.settled()
        assert made.loader.embedder.spec.revision.startswith("int8-")
