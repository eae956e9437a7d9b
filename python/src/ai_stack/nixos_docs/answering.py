"""Answers of nixos-docs, whatever way they are asked for: over HTTP or by a model's tool call."""

import contextlib
import sqlite3
import time
from collections.abc import Awaitable, Callable, Hashable, Iterator, Sequence
from typing import TypeVar

from aioprometheus.collectors import Counter, Histogram
from pydantic import BaseModel

from ai_stack.nixos_docs import presenting
from ai_stack.nixos_docs.answers import AnswerCache
from ai_stack.nixos_docs.lexicon import Query, Scores
from ai_stack.nixos_docs.library import Library
from ai_stack.nixos_docs.nix.assignments import assignments
from ai_stack.nixos_docs.nix.parser import SnippetError
from ai_stack.nixos_docs.opening import IndexInfo
from ai_stack.nixos_docs.options.checking import Verdict, check_path, check_text
from ai_stack.nixos_docs.options.paths import join_path, split_path
from ai_stack.nixos_docs.options.search import Similarity
from ai_stack.nixos_docs.pool import IndexPool
from ai_stack.nixos_docs.reader import DocsQuery, IndexReader
from ai_stack.nixos_docs.semantic.embedder import Embedder, Embedding
from ai_stack.nixos_docs.semantic.vectors import IndexVectors
from ai_stack.service.errors import BadRequest, NotFound, ServiceError, Unavailable, Unprocessable
from ai_stack.service.logs import get_logger
from ai_stack.service.tracing import span

T = TypeVar("T")
# A question made ready, of either kind.
Q = TypeVar("Q", DocsQuery, Query)

#: Paths that one request has checked.
MAX_CHECKED = 1000
#: Options below another that an answer lists.
MAX_CHILDREN = 200

_NEAREST = 5

# Searches for options under way beyond which the model is not asked for the vector of another question.
_AT_LEISURE = 2

log = get_logger(__name__)


class Answers:
    """Answers from the index in use. Belongs to one event loop.

    Args:
        library: holds the index.
        embedder: of the embeddings service; None to search by words only.
        cache: of answers.
        seconds: how long searches take, by `kind`.
        degraded: counts searches that went by words alone although they should not have, by `kind`.
        quick: counts searches under load, for which the model was not asked, by `kind`.
        model_changed: called when the embeddings service is found to run another model than that of the vectors.
    """

    def __init__(
        self,
        library: Library,
        embedder: Embedder | None,
        cache: AnswerCache,
        *,
        seconds: Histogram,
        degraded: Counter,
        quick: Counter,
        model_changed: Callable[[], None],
    ) -> None:
        self._library = library
        self._embedder = embedder
        self._cache = cache
        self._seconds = seconds
        self._degraded = degraded
        self._quick = quick
        self._model_changed = model_changed
        self._underway = 0

    async def search_docs(self, query: str, limit: int, sources: Sequence[str] | None) -> bytes:
        """Return the JSON of a `SearchResponse`.

        Raises:
            BadRequest: there is no such source.
            ServiceError: the index cannot be searched.
        """
        known = {source.name for source in self._info().sources}
        for name in sources or ():
            if name not in known:
                raise BadRequest("sources: there is no such source; GET /sources lists them")

        async def answer() -> tuple[BaseModel, bool]:
            with span("nixos_docs.search", limit=limit, sources=sources):
                prepared, question, degraded = await self._embed(lambda reader: reader.prepare(query))

                def job(pool: IndexPool, reader: IndexReader) -> BaseModel:
                    similarity = _section_similarity(pool.vectors, question)
                    outcome = reader.search(
                        query,
                        limit=limit,
                        sources=sources,
                        similarity=similarity,
                        prepared=prepared,
                    )
                    return presenting.docs(query, outcome, pool.catalogue.release, degraded=degraded)

                return await self._run(job), degraded

        return await self._answer("docs", ("docs", query, limit, tuple(sources or ())), answer)

    async def search_options(self, query: str, limit: int) -> bytes:
        """Return the JSON of an `OptionSearchResponse`.

        Raises:
            NotFound: the index has no options.
            ServiceError: the index cannot be searched.
        """
        self._require_options()

        # At leisure, the model reads the question. When questions come faster than it can, their words must do.
        quickly = self._underway >= _AT_LEISURE and self._knows_words() and not self._remembers("options", query, limit)

        async def answer() -> tuple[BaseModel, bool]:
            with span("nixos_docs.search_options", limit=limit, quickly=quickly), self._counted():
                prepared: Query | None = None
                question: Embedding | None = None
                degraded = False
                if not quickly:
                    prepared, question, degraded = await self._embed(lambda reader: reader.options.prepare(query))

                def job(pool: IndexPool, reader: IndexReader) -> BaseModel:
                    ready = prepared or reader.options.prepare(query)
                    similarity = _similarity(pool.vectors, question)
                    if similarity is None and (quickly or degraded):
                        similarity = _similarity_by_words(pool.vectors, ready)
                    outcome = reader.options.search(query, limit=limit, similarity=similarity, prepared=ready)
                    rows = reader.options.get([number for number, _ in outcome.hits])
                    return presenting.options(query, outcome, rows, pool.catalogue.release, degraded=degraded)

                if quickly:
                    self._quick.inc({"kind": "options"})
                return await self._run(job), degraded

        return await self._answer("options", ("options", query, limit, *(("quickly",) if quickly else ())), answer)

    async def search_packages(self, query: str, limit: int) -> bytes:
        """Return the JSON of a `PackageSearchResponse`.

        Raises:
            NotFound: the index has no packages.
            ServiceError: the index cannot be searched.
        """
        if not self._info().packages:
            raise NotFound("this index has no packages")

        async def answer() -> tuple[BaseModel, bool]:
            with span("nixos_docs.search_packages", limit=limit):

                def job(pool: IndexPool, reader: IndexReader) -> BaseModel:
                    outcome = reader.packages.search(query, limit=limit)
                    rows = reader.packages.get([number for number, _ in outcome.hits])
                    return presenting.packages(query, outcome, rows, pool.catalogue.release)

                return await self._run(job), False

        return await self._answer("packages", ("packages", query, limit), answer)

    async def get_option(self, name: str) -> BaseModel:
        """Return an `OptionResponse`.

        Raises:
            NotFound: there is no such option; the message names what it is called now, or the nearest ones.
            ServiceError: the index cannot be read.
        """
        self._require_options()
        path = split_path(name)

        def job(pool: IndexPool, reader: IndexReader) -> BaseModel:
            catalogue = pool.catalogue
            node = catalogue.tree.find(path) if path else None
            if node is None:
                raise NotFound(presenting.missing(check_text(catalogue, name), catalogue.release))
            below = [number for number in node.options() if number != node.option]
            below.sort(key=lambda number: (catalogue.names[number].count("."), number))
            option = reader.options.get([node.option])[0] if node.option is not None else None
            children = reader.options.get(below[:MAX_CHILDREN])
            return presenting.option(join_path(node.path()), option, children, len(below), catalogue.release)

        return await self._run(job)

    async def check_options(self, snippet: str | None, names: Sequence[str]) -> BaseModel:
        """Return an `OptionCheckResponse`.

        Args:
            snippet: Nix; None to check `names`.
            names: of options.

        Raises:
            Unprocessable: the snippet is nested too deeply.
            ServiceError: the index cannot be read.
        """
        self._require_options()

        def job(pool: IndexPool, _reader: IndexReader) -> BaseModel:
            catalogue = pool.catalogue
            verdicts: list[Verdict]
            truncated = False
            if snippet is None:
                verdicts = [check_text(catalogue, name) for name in names]
            else:
                try:
                    found = assignments(snippet)
                except SnippetError as error:
                    raise Unprocessable(f"snippet: {error}") from None
                truncated = len(found) > MAX_CHECKED
                verdicts = [check_path(catalogue, item.path, item.line) for item in found[:MAX_CHECKED]]
            return presenting.checked(verdicts, catalogue.release, truncated=truncated)

        with span("nixos_docs.check_options"):
            return await self._run(job)

    def _info(self) -> IndexInfo:
        return self._library.pool().info

    def _require_options(self) -> None:
        if not self._info().options:
            raise NotFound("this index has no options")

    def _key(self, asked: Hashable) -> Hashable:
        # Answers hold for one index and one set of vectors.
        pool = self._library.pool()
        return pool.info.content_digest, pool.vectors.identity if pool.vectors else None, asked

    def _remembers(self, *asked: Hashable) -> bool:
        return self._key(asked) in self._cache

    def _knows_words(self) -> bool:
        vectors = self._library.pool().vectors
        return vectors is not None and vectors.words is not None

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        self._underway += 1
        try:
            yield
        finally:
            self._underway -= 1

    async def _answer(
        self, kind: str, asked: Hashable, answer: Callable[[], Awaitable[tuple[BaseModel, bool]]]
    ) -> bytes:
        key = self._key(asked)
        begun = time.perf_counter()
        encoded = self._cache.get(key)
        if encoded is None:
            response, degraded = await answer()
            encoded = response.model_dump_json().encode()
            if degraded:
                self._degraded.inc({"kind": kind})
            else:
                self._cache.put(key, encoded)
        self._seconds.observe({"kind": kind}, time.perf_counter() - begun)
        return encoded

    async def _run(self, job: Callable[[IndexPool, IndexReader], T]) -> T:
        pool = self._library.pool()
        try:
            return await pool.run(lambda reader, _expired: job(pool, reader))
        except sqlite3.Error as error:
            log.exception("index.unreadable", path=str(pool.info.path))
            raise Unavailable("the index cannot be read") from error

    async def _embed(self, prepare: Callable[[IndexReader], Q]) -> tuple[Q | None, Embedding | None, bool]:
        """Return a question made ready, its vector, and whether there should be one that is not there.

        Without vectors to compare with, the question is not made ready either: one step less.
        """
        if self._embedder is None:
            return None, None, False
        pool = self._library.pool()
        if pool.vectors is None:
            return None, None, True
        prepared = await self._run(lambda _pool, reader: prepare(reader))
        try:
            embedding = await self._embedder.embed_question(prepared.text_to_embed)
        except ServiceError as error:
            log.info("search.degraded", reason=str(error))
            return prepared, None, True
        if embedding.identity != pool.vectors.identity:
            self._model_changed()
            return prepared, None, True
        return prepared, embedding, False


def _section_similarity(vectors: IndexVectors | None, question: Embedding | None) -> Scores | None:
    # The index may have been exchanged since the question was embedded.
    if vectors is None or question is None or vectors.identity != question.identity:
        return None
    similarity: Scores = vectors.sections @ question.vector
    return similarity


def _similarity(vectors: IndexVectors | None, question: Embedding | None) -> Similarity | None:
    sections = _section_similarity(vectors, question)
    if sections is None or vectors is None or question is None:
        return None
    return Similarity(options=vectors.options @ question.vector, sections=sections)


def _similarity_by_words(vectors: IndexVectors | None, question: Query) -> Similarity | None:
    words = vectors.words if vectors is not None else None
    vector = words.embed(question.text_to_embed) if words is not None else None
    if words is None or vector is None:
        return None
    return Similarity(options=words.similarity_of_options(vector), sections=words.sections @ vector)
