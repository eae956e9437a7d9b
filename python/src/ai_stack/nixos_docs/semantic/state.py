"""What can be told of the search by meaning."""

from ai_stack.nixos_docs.library import Library
from ai_stack.nixos_docs.models import CacheStats, VectorStats
from ai_stack.nixos_docs.semantic.embedder import Embedder
from ai_stack.nixos_docs.semantic.keeper import VectorKeeper


class SemanticState:
    """The search by meaning: off until `start`.

    Args:
        library: holds the index.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._embedder: Embedder | None = None
        self._keeper: VectorKeeper | None = None

    def start(self, embedder: Embedder, keeper: VectorKeeper) -> None:
        """Tell of these from now on."""
        self._embedder = embedder
        self._keeper = keeper

    def wake(self) -> None:
        """Have the vectors looked at: the index or the model may have changed."""
        if self._keeper is not None:
            self._keeper.wake()

    def stats(self) -> VectorStats:
        """Describe the vectors of the index in use."""
        if self._keeper is None:
            return VectorStats(status="off", model=None, missing=0, words=False, problem=None)
        pool = self._library.current
        vectors = pool.vectors if pool is not None else None
        problem = self._keeper.problem
        if vectors is not None and problem is None:
            words = vectors.words is not None
            return VectorStats(status="ready", model=str(vectors.identity), missing=0, words=words, problem=None)
        return VectorStats(
            status="computing" if problem is None else "missing",
            model=str(vectors.identity) if vectors is not None else None,
            missing=self._keeper.missing,
            words=vectors is not None and vectors.words is not None,
            problem=problem,
        )

    def cache_stats(self) -> CacheStats:
        """Describe the remembered vectors of questions."""
        if self._embedder is None:
            return CacheStats(entries=0, bytes=None, hits=0, misses=0)
        return CacheStats(
            entries=self._embedder.cached, bytes=None, hits=self._embedder.hits, misses=self._embedder.misses
        )

    def clear(self) -> int:
        """Forget the vectors of questions; return how many they were."""
        return self._embedder.clear() if self._embedder is not None else 0
