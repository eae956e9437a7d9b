"""The figures for the textfile collector of Prometheus' node exporter."""

from collections.abc import Iterator, Mapping
from typing import Any

_UP = frozenset({"ok", "healthy"})


def render(document: Mapping[str, Any], *, now: float, seconds: float) -> str:
    """Return the document's numbers as metrics; what is not known is left out.

    Args:
        document: as `document.build` returns it.
        now: end of the run, in seconds since the epoch.
        seconds: that it took.
    """
    return "".join(f"{line}\n" for line in _lines(document, now, seconds))


def _lines(document: Mapping[str, Any], now: float, seconds: float) -> Iterator[str]:
    services = document["services"].values()
    yield from _gauge("ai_stack_collector_last_run_timestamp_seconds", "End of the last run.", [("", now)])
    yield from _gauge("ai_stack_collector_run_seconds", "Time that the last run took.", [("", seconds)])
    yield from _gauge(
        "ai_stack_service_up",
        "1 when the service says that all is well with it.",
        [(_label("service", each["service"]), each["status"] in _UP) for each in services],
    )
    yield from _gauge(
        "ai_stack_service_skipped",
        "1 when the service was not asked, because it had failed again and again.",
        [(_label("service", each["service"]), each["status"] == "skipped") for each in services],
    )
    knowledge = document["knowledge_base"]
    yield from _gauge(
        "ai_stack_collection_items",
        "Items of a collection of learned context.",
        [(_label("collection", name), count) for name, count in knowledge["collections"].items()],
    )
    yield from _gauge("ai_stack_knowledge_points", "Chunks and items altogether.", [("", knowledge["total_points"])])
    ratio = knowledge["real_embeddings_percent"]
    yield from _gauge(
        "ai_stack_chunks_embedded_ratio",
        "Share of chunks that have a vector.",
        [("", None if ratio is None else ratio / 100)],
    )


def _gauge(name: str, doc: str, samples: list[tuple[str, float | None]]) -> Iterator[str]:
    known = [(labels, value) for labels, value in samples if value is not None]
    if known:
        yield f"# HELP {name} {doc}"
        yield f"# TYPE {name} gauge"
        for labels, value in known:
            yield f"{name}{labels} {float(value):.15g}"


def _label(name: str, value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'{{{name}="{escaped}"}}'
