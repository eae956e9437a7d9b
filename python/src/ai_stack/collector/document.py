"""The JSON document, in the shape of the collector that this one succeeds.

Every number is measured: what nothing measures is null. That holds for `estimated_tokens_saved`, `overall_score`,
`context_relevance` and `improvement_over_baseline`, which used to be constants or made of constants.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from ai_stack.collector.asking import Stack, State
from ai_stack.collector.exposition import Samples


def build(stack: Stack, states: Mapping[str, State], counts: Mapping[str, Any], now: float) -> dict[str, Any]:
    """Return the document.

    Args:
        stack: what was asked.
        states: by service.
        counts: as `asking.counts` returns them.
        now: seconds since the epoch.
    """
    aidb, hybrid = _metrics(states, "aidb"), _metrics(states, "hybrid-coordinator")
    collections = _collections(counts)
    chunks = counts["documents"]["chunks"] if counts["documents"] else None
    items = sum(collections.values()) if collections is not None else None
    points = chunks + items if chunks is not None and items is not None else None
    services = {name.replace("-", "_"): _service(name, url, states[name]) for name, url in stack.services.items()}
    if "aidb" in services:
        services["aidb"]["telemetry"] = {"total_events": aidb.sum("aidb_http_requests_total"), "last_event_time": None}
    if "hybrid_coordinator" in services:
        services["hybrid_coordinator"]["telemetry"] = _decisions(hybrid)
    if "embeddings" in services:
        health = states["embeddings"].health or {}
        services["embeddings"] |= {"model": health.get("model"), "endpoint": f"{stack.services['embeddings']}/embed"}
    services["qdrant"] = _qdrant(states.get("hybrid-coordinator"), collections, items)
    return {
        "timestamp": datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds"),
        "services": services,
        "knowledge_base": {
            "total_points": points,
            "real_embeddings_percent": _embedded(counts["documents"]),
            "collections": {name.replace("-", "_"): count for name, count in (collections or {}).items()},
            "rag_quality": {
                "context_relevance": None,
                "improvement_over_baseline": None,
                "answers_with_context_percent": _percent(
                    hybrid.sum("hybrid_context_hits_total"),
                    hybrid.sum("hybrid_augment_stage_seconds_count", stage="total"),
                ),
            },
        },
        "effectiveness": {
            "overall_score": None,
            "total_events_processed": _sum(aidb.sum("aidb_http_requests_total"), hybrid.sum("hybrid_requests_total")),
            "local_query_percentage": _decisions(hybrid)["local_percentage"],
            "estimated_tokens_saved": None,
            "knowledge_base_vectors": points,
        },
    }


def _service(name: str, url: str, state: State) -> dict[str, Any]:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return {"service": name, "status": state.status, "port": port, "health_check": state.health}


def _qdrant(owner: State | None, collections: Mapping[str, int] | None, items: int | None) -> dict[str, Any]:
    # It is asked by way of its only user, which keeps its key.
    breakers = (owner.health or {}).get("circuit_breakers", {}) if owner else {}
    words = {"closed": "ok", "half_open": "degraded", "open": "offline"}
    status = words.get(str(breakers.get("qdrant")), "unknown")
    metrics = {"collection_count": None if collections is None else len(collections), "total_vectors": items}
    return {"service": "qdrant", "status": status, "port": None, "health_check": None, "metrics": metrics}


def _decisions(hybrid: Samples) -> dict[str, Any]:
    local, remote = (_of(hybrid, route) for route in ("local", "remote"))
    return {
        "total_events": hybrid.sum("hybrid_requests_total"),
        "local_queries": local,
        "remote_queries": remote,
        "estimated_tokens_saved": None,
        "local_percentage": _percent(local, _sum(local, remote)),
    }


def _of(hybrid: Samples, route: str) -> float | None:
    # A counter has no sample of a label before its first event.
    if hybrid.sum("hybrid_decisions_total") is None:
        return None
    return hybrid.sum("hybrid_decisions_total", decision=route) or 0.0


def _metrics(states: Mapping[str, State], name: str) -> Samples:
    return states[name].metrics if name in states else Samples()


def _collections(counts: Mapping[str, Any]) -> dict[str, int] | None:
    found = counts["collections"]
    return {each["name"]: each["items"] for each in found["collections"]} if found else None


def _embedded(documents: Mapping[str, int] | None) -> float | None:
    if documents is None:
        return None
    without = documents["chunks_pending"] + documents["chunks_refused"]
    return _percent(documents["chunks"] - without, documents["chunks"])


def _sum(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one + other


def _percent(part: float | None, whole: float | None) -> float | None:
    return None if part is None or not whole else round(100 * part / whole, 2)
