"""Health and metrics of nixos-docs."""

from dataclasses import dataclass
from typing import Any

from aioprometheus.collectors import Counter, Histogram

from ai_stack.nixos_docs.answers import AnswerCache
from ai_stack.nixos_docs.library import Library
from ai_stack.nixos_docs.semantic.state import SemanticState
from ai_stack.service.app import Service
from ai_stack.service.health import Dependency

_SEARCH_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


@dataclass(frozen=True, slots=True)
class SearchMetrics:
    """What is measured of searches, by `kind`: docs, options, packages."""

    seconds: Histogram
    degraded: Counter
    quick: Counter


def searches(service: Service) -> SearchMetrics:
    """Make the metrics of searches."""
    return SearchMetrics(
        seconds=service.metrics.histogram(
            "nixos_docs_search_seconds",
            "Time that searches took, waiting for a thread and for a vector included, by kind",
            _SEARCH_BUCKETS,
        ),
        degraded=service.metrics.counter(
            "nixos_docs_degraded_searches_total", "Searches by words alone for want of vectors, by kind"
        ),
        quick=service.metrics.counter(
            "nixos_docs_quick_searches_total",
            "Searches under load, the question's vector put together from its words' without the model, by kind",
        ),
    )


def index(service: Service, library: Library) -> None:
    """Make the index visible in health and metrics."""
    gauges = {
        "sections": service.metrics.gauge("nixos_docs_index_sections", "Sections in the index in use"),
        "options": service.metrics.gauge("nixos_docs_index_options", "Options in the index in use"),
        "packages": service.metrics.gauge("nixos_docs_index_packages", "Packages in the index in use"),
    }
    built = service.metrics.gauge(
        "nixos_docs_index_built_timestamp_seconds", "Unix time at which the index in use was built, if known"
    )

    def refresh() -> None:
        info = library.info
        for name, gauge in gauges.items():
            gauge.set({}, getattr(info, name) if info else 0)
        if info and info.built_at:
            built.set({}, info.built_at.timestamp())

    def detail() -> dict[str, Any]:
        info = library.info
        return {
            "index": {
                "loaded": info is not None,
                "sections": info.sections if info else 0,
                "options": info.options if info else 0,
                "packages": info.packages if info else 0,
                "release": info.release if info else None,
                "built_at": info.built_at.isoformat() if info and info.built_at else None,
            }
        }

    async def probe() -> None:
        await library.pool().run(lambda reader, _expired: reader.probe())

    service.metrics.on_scrape(refresh)
    service.health.add_detail(detail)
    service.health.add_dependency(Dependency(name="index", check=probe, critical=True))


def semantic(service: Service, state: SemanticState, answers: AnswerCache) -> None:
    """Make the vectors and the caches visible in health and metrics."""
    missing = service.metrics.gauge("nixos_docs_vectors_missing", "Vectors of the index that are being computed")
    ready = service.metrics.gauge("nixos_docs_vectors_ready", "1 when searches go by meaning as well as by words")
    hits = service.metrics.counter("nixos_docs_cache_hits_total", "Found in a cache, by cache")
    misses = service.metrics.counter("nixos_docs_cache_misses_total", "Not found in a cache, by cache")

    def refresh() -> None:
        stats = state.stats()
        missing.set({}, stats.missing)
        ready.set({}, int(stats.status == "ready"))
        of_questions = state.cache_stats()
        for name, hit, miss in (
            ("answers", answers.hits, answers.misses),
            ("query-vectors", of_questions.hits, of_questions.misses),
        ):
            hits.set({"cache": name}, hit)
            misses.set({"cache": name}, miss)

    service.metrics.on_scrape(refresh)
    service.health.add_detail(lambda: {"vectors": state.stats().model_dump()})
