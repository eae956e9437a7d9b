"""Vectors of questions and records, from the embeddings service: the only place where text becomes vectors."""

import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from ai_stack.service.client import ServiceClient
from ai_stack.service.errors import ServiceError, Unavailable
from ai_stack.service.logs import get_logger
from ai_stack.service.metrics import ServiceMetrics
from ai_stack.service.tracing import span

log = get_logger(__name__)

Vector = NDArray[np.float32]

_VECTORS = TypeAdapter(list[list[float]])
# Vectors are normalised; below this a vector has no direction to compare.
_SMALLEST_NORM = 1e-6


class ModelIdentity(BaseModel):
    """Which model made a vector. Vectors of different models must never be compared."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    model: str = Field(min_length=1)
    revision: str = Field(min_length=1)
    dimensions: int = Field(gt=0)

    def __str__(self) -> str:
        return f"{self.model} (revision {self.revision[:12]}, {self.dimensions} dimensions)"


@dataclass(frozen=True, slots=True)
class Embedding:
    """A vector of unit length, and whose it is."""

    vector: Vector
    identity: ModelIdentity


class MalformedAnswer(Unavailable):
    """Another service answered 200 with something that its interface does not allow."""

    def __init__(self, dependency: str) -> None:
        super().__init__(f"{dependency} gave an unusable answer")
        self.dependency = dependency


class Embedder:
    """Embeds texts, and remembers the vectors of recent ones.

    The model's identity is asked for before the first vector and again after each failure, since a restart of the
    embeddings service is when its model changes. `refresh` is for the times in between.

    Args:
        client: of the embeddings service.
        cache_size: vectors kept, least recently used ones dropped first; 0 keeps none.
        metrics: of the service.
    """

    def __init__(self, client: ServiceClient, *, cache_size: int, metrics: ServiceMetrics) -> None:
        self._client = client
        self._cache: OrderedDict[tuple[ModelIdentity, bytes], Vector] = OrderedDict()
        self._cache_size = cache_size
        self._identity: ModelIdentity | None = None
        self._confirmed = False
        self._hits = metrics.counter("hybrid_embedding_cache_hits_total", "Texts whose vector was in memory.")
        self._misses = metrics.counter("hybrid_embedding_cache_misses_total", "Texts that had to be embedded.")

    async def refresh(self) -> ModelIdentity:
        """Ask the embeddings service for the identity of its model.

        Raises:
            DependencyError, RemoteError, MalformedAnswer: it did not say.
        """
        try:
            identity = await self._ask()
        except ServiceError:
            self._confirmed = False
            raise
        if self._identity not in (None, identity):
            log.warning("embeddings.model_changed", before=str(self._identity), now=str(identity))
        self._identity = identity
        self._confirmed = True
        return identity

    async def embed(self, text: str, *, timeout: float | None = None) -> Embedding:
        """Return the vector of `text`.

        Args:
            text: at most 10 000 characters; what exceeds the model's window does not count.
            timeout: seconds for one attempt instead of the guard's.

        Raises:
            DependencyError, RemoteError, MalformedAnswer: the embeddings service gave none.
        """
        known = self._recall(text)
        if known is not None:
            self._hits.inc({})
            return known
        self._misses.inc({})
        with span("hybrid.embed_text", text_length=len(text)):
            identity = self._identity
            if identity is None or not self._confirmed:
                identity = await self.refresh()
            try:
                (vector,) = await self._request([text], identity, timeout)
            except ServiceError:
                self._confirmed = False
                raise
        self._remember(text, vector, identity)
        return Embedding(vector, identity)

    async def embed_many(self, texts: Sequence[str], identity: ModelIdentity, *, timeout: float) -> list[Vector]:
        """Return the vectors of a batch of texts, none of them remembered.

        Args:
            texts: as many as the embeddings service takes in one request.
            identity: of the model that is expected.
            timeout: seconds for one attempt.

        Raises:
            DependencyError, RemoteError, MalformedAnswer: the embeddings service gave none.
        """
        return await self._request(texts, identity, timeout)

    async def _ask(self) -> ModelIdentity:
        answer = await self._client.request_json("GET", "/info")
        try:
            return ModelIdentity.model_validate(answer)
        except ValidationError:
            raise MalformedAnswer(self._client.name) from None

    async def _request(self, texts: Sequence[str], identity: ModelIdentity, timeout: float | None) -> list[Vector]:
        body = {"inputs": list(texts), "normalize": True, "truncate": True}
        answer = await self._client.request_json("POST", "/embed", json=body, idempotent=True, timeout=timeout)
        try:
            vectors = _VECTORS.validate_python(answer)
        except ValueError:
            raise MalformedAnswer(self._client.name) from None
        # A zero vector is as near to everything as to anything; NaN fails the comparison too.
        usable = all(
            len(vector) == identity.dimensions and _SMALLEST_NORM < math.hypot(*vector) < math.inf for vector in vectors
        )
        if len(vectors) != len(texts) or not usable:
            raise MalformedAnswer(self._client.name)
        return [np.asarray(vector, dtype=np.float32) for vector in vectors]

    def _recall(self, text: str) -> Embedding | None:
        if self._identity is None:
            return None
        key = (self._identity, _digest(text))
        vector = self._cache.get(key)
        if vector is None:
            return None
        self._cache.move_to_end(key)
        return Embedding(vector, self._identity)

    def _remember(self, text: str, vector: Vector, identity: ModelIdentity) -> None:
        self._cache[identity, _digest(text)] = vector
        while len(self._cache) > self._cache_size:
            self._cache.popitem(last=False)


def _digest(text: str) -> bytes:
    # Questions may be long, and need not stay readable in memory.
    return blake2b(text.encode(), digest_size=16).digest()
