"""Vectors of texts, from the embeddings service: the only place where text becomes vectors."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ai_stack.service.client import ServiceClient
from ai_stack.service.errors import ServiceError, Unavailable
from ai_stack.service.logs import get_logger
from ai_stack.service.tracing import span

Floats = NDArray[np.float32]

# Vectors are of unit length; below this one has no direction to compare.
_SMALLEST_NORM = 1e-6

log = get_logger(__name__)


class ModelIdentity(BaseModel):
    """Which model made a vector. Vectors of different models must never be compared."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    model: str = Field(min_length=1)
    revision: str = Field(min_length=1)
    dimensions: int = Field(gt=0)

    def __str__(self) -> str:
        return f"{self.model} (revision {self.revision[:12]}, {self.dimensions} dimensions)"


class ModelInfo(ModelIdentity):
    """A model, and what a request to it may hold."""

    max_batch_size: int = Field(gt=0)
    max_input_characters: int = Field(gt=0)

    @property
    def identity(self) -> ModelIdentity:
        """The model alone."""
        return ModelIdentity(model=self.model, revision=self.revision, dimensions=self.dimensions)


@dataclass(frozen=True, slots=True)
class Embedding:
    """A vector of unit length, and whose it is."""

    vector: Floats
    identity: ModelIdentity


class MalformedAnswer(Unavailable):
    """The embeddings service answered 200 with something that its interface does not allow."""

    def __init__(self) -> None:
        super().__init__("the embeddings service gave an unusable answer")


class Embedder:
    """Embeds texts, and remembers the vectors of recent questions. Belongs to one event loop.

    The model's identity is asked for before the first vector and again after each failure, since a restart of the
    embeddings service is when its model changes; `refresh` is for the times in between.

    Args:
        client: of the embeddings service.
        cache_size: vectors of questions kept, least recently used ones dropped first.
        timeout: seconds that a question waits for its vector.
    """

    def __init__(self, client: ServiceClient, *, cache_size: int, timeout: float) -> None:
        self._client = client
        self._cache: OrderedDict[tuple[ModelIdentity, bytes], Floats] = OrderedDict()
        self._cache_size = cache_size
        self._timeout = timeout
        self._info: ModelInfo | None = None
        self._confirmed = False
        self.hits = 0
        self.misses = 0

    @property
    def cached(self) -> int:
        """Number of vectors of questions that are remembered."""
        return len(self._cache)

    def clear(self) -> int:
        """Forget the vectors of questions; return how many they were."""
        count = len(self._cache)
        self._cache.clear()
        return count

    async def refresh(self) -> ModelInfo:
        """Ask the embeddings service for its model.

        Raises:
            ServiceError: it did not say.
        """
        try:
            answer = await self._client.request_json("GET", "/info", timeout=self._timeout)
            info = ModelInfo.model_validate(answer)
        except ValidationError:
            self._confirmed = False
            raise MalformedAnswer from None
        except ServiceError:
            self._confirmed = False
            raise
        if self._info is not None and self._info.identity != info.identity:
            log.warning("embeddings.model_changed", before=str(self._info.identity), now=str(info.identity))
        self._info = info
        self._confirmed = True
        return info

    async def embed_question(self, text: str) -> Embedding:
        """Return the vector of a question.

        Raises:
            ServiceError: the embeddings service gave none.
        """
        digest = blake2b(text.encode(), digest_size=16).digest()
        if self._info is not None and (vector := self._cache.get((self._info.identity, digest))) is not None:
            self._cache.move_to_end((self._info.identity, digest))
            self.hits += 1
            return Embedding(vector, self._info.identity)
        self.misses += 1
        with span("nixos_docs.embed_question", text_length=len(text)):
            info = self._info if self._info is not None and self._confirmed else await self.refresh()
            vector = (await self._request([text[: info.max_input_characters]], info, self._timeout))[0]
        self._cache[info.identity, digest] = vector
        while len(self._cache) > self._cache_size:
            self._cache.popitem(last=False)
        return Embedding(vector, info.identity)

    async def embed_texts(self, texts: Sequence[str], info: ModelInfo, *, timeout: float) -> Floats:
        """Return the vectors of some texts, one row each.

        Args:
            texts: as many as `info` allows in a request.
            info: of the model that is expected to make them.
            timeout: in seconds.

        Raises:
            ServiceError: the embeddings service gave none.
        """
        return await self._request([text[: info.max_input_characters] for text in texts], info, timeout)

    async def _request(self, texts: list[str], info: ModelInfo, timeout: float) -> Floats:
        body = {"inputs": texts, "normalize": True, "truncate": True}
        try:
            answer = await self._client.request_json("POST", "/embed", json=body, idempotent=True, timeout=timeout)
            return _vectors(answer, len(texts), info.dimensions)
        except ServiceError:
            self._confirmed = False
            raise


def _vectors(answer: object, count: int, dimensions: int) -> Floats:
    try:
        vectors = np.asarray(answer, dtype=np.float32)
    except (ValueError, TypeError):
        raise MalformedAnswer from None
    if vectors.shape != (count, dimensions):
        raise MalformedAnswer
    norms = np.linalg.norm(vectors, axis=1)
    # A zero vector is as near to everything as to anything; NaN fails the comparison, too.
    if not np.all((norms > _SMALLEST_NORM) & (norms < np.inf)):
        raise MalformedAnswer
    return vectors
