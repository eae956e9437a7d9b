"""Settings of the embeddings service."""

import os
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from ai_stack.embeddings.model import ONNX_ENGINES, EngineName
from ai_stack.embeddings.torch_engine import REMEDY, missing_libraries
from ai_stack.service.settings import Port, RateLimits, ServiceSettings


def default_cache_dir() -> Path:
    """Return systemd's `CacheDirectory=` (systemd.exec(5)), otherwise a folder in the user's cache directory."""
    if given := os.environ.get("CACHE_DIRECTORY"):
        return Path(given.partition(":")[0])
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ai-stack"


def usable_cores() -> int:
    """Return the number of cores that this process may run on."""
    return len(os.sched_getaffinity(0))


class EmbeddingsSettings(ServiceSettings):
    """What the embeddings service can be told beside what every service can."""

    model_config = SettingsConfigDict(env_prefix="AI_STACK_EMBEDDINGS_")

    port: Port = 8081
    # Requests differ in cost by a factor of thousands: the queue bounds work in tokens and shares it between clients.
    rate_limits: RateLimits = Field(
        default=RateLimits(ingest=None), description="Limits per API key and class of routes."
    )

    model_name: str = Field(
        default="sentence-transformers/all-MiniLM-L6-v2", min_length=1, description="What the model is called."
    )
    model_dir: Path = Field(description="Directory of the model, as sentence-transformers saves it.")
    cache_dir: Path = Field(default_factory=default_cache_dir, description="Where the model's ONNX file is kept.")
    engine: EngineName = Field(
        default="onnx",
        description="onnx: as the model was trained; int8: integers in the linear layers, faster, other vectors; "
        "torch: transformers on PyTorch, on a GPU where there is one; torch-bf16: the same in bfloat16, other vectors.",
    )
    load_attempts: int = Field(default=3, ge=1, description="Attempts to load the model.")
    load_backoff: float = Field(default=5.0, ge=0, description="Seconds before the second attempt; then doubled.")

    workers: int = Field(default_factory=usable_cores, ge=1, description="Batches computed at the same time.")
    batch_tokens: int = Field(default=256, ge=1, description="Most tokens of a batch, padding included.")
    max_queue_tokens: int = Field(
        default=65_536, ge=1, description="Most tokens that wait or run; beyond that requests are refused with 429."
    )
    cache_bytes: int = Field(
        default=32 * 2**20, ge=0, description="Room for the vectors of recent texts, bytes; 0 keeps none."
    )
    max_batch_size: int = Field(default=32, ge=1, description="Most texts of a request.")
    max_input_characters: int = Field(default=10_000, ge=1, description="Most characters of a text.")

    @model_validator(mode="after")
    def _model_exists(self) -> Self:
        if not self.model_dir.is_dir():
            raise ValueError(f"model_dir: {self.model_dir} is not a directory")
        return self

    @model_validator(mode="after")
    def _engine_is_installed(self) -> Self:
        if self.engine not in ONNX_ENGINES and (missing := missing_libraries()):
            raise ValueError(f"engine: {self.engine} needs {' and '.join(missing)}: {REMEDY}")
        return self
