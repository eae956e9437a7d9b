"""One embeddings service, as far as aidb needs it: which model it runs, and that model's vectors."""

from collections.abc import Sequence

import numpy as np

from ai_stack.aidb.identity import ModelIdentity
from ai_stack.aidb.vectors import Vectors, to_vectors
from ai_stack.service.client import ServiceClient
from ai_stack.service.logs import get_logger
from ai_stack.service.resilience import DependencyUnavailable
from ai_stack.service.tracing import span

log = get_logger(__name__)


class ModelClient:
    """Asks an embeddings service.

    Args:
        client: of the service.
        batch_size: texts per request.
        timeout: seconds for a batch of texts.
        info_timeout: seconds for the question which model runs.
    """

    def __init__(self, client: ServiceClient, *, batch_size: int, timeout: float, info_timeout: float) -> None:
        self._client = client
        self._batch_size = batch_size
        self._timeout = timeout
        self._info_timeout = info_timeout

    async def model(self) -> ModelIdentity:
        """Ask which model runs.

        Raises:
            DependencyError: the service failed.
        """
        info = await self._client.request_json("GET", "/info", timeout=self._info_timeout)
        try:
            return ModelIdentity.from_info(info)
        except ValueError as error:
            raise unusable(str(error)) from None

    async def embed(self, texts: Sequence[str], *, timeout: float | None = None) -> Vectors:
        """Return vectors of shape (len(texts), DIMENSION).

        Args:
            texts: any number.
            timeout: seconds for each batch in place of the usual ones.

        Raises:
            DependencyError: the service failed.
            RemoteError: it refuses a text.
        """
        starts = range(0, len(texts), self._batch_size)
        return np.concatenate([await self._batch(texts[at : at + self._batch_size], timeout) for at in starts])

    async def _batch(self, texts: Sequence[str], timeout: float | None) -> Vectors:
        with span("aidb.embed_texts", text_count=len(texts)):
            answer = await self._client.request_json(
                "POST", "/embed", json={"inputs": list(texts)}, idempotent=True, timeout=timeout or self._timeout
            )
            try:
                return to_vectors(answer, count=len(texts))
            except ValueError as error:
                raise unusable(str(error)) from None


def unusable(reason: str) -> DependencyUnavailable:
    """Log an answer that cannot be used, and return the error for it."""
    log.error("embeddings.unusable_answer", reason=reason)
    return DependencyUnavailable("embeddings")
