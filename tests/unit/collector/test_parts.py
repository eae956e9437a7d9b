"""The collector's parts: what it remembers of failures, how it reads metrics, and what it says."""

import json
import tempfile
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_stack.collector import document, textfile
from ai_stack.collector.asking import Stack, State
from ai_stack.collector.breaker import DiskBreaker
from ai_stack.collector.command import main
from ai_stack.collector.exposition import Samples
from ai_stack.hybrid_coordinator.routing import Decision, DecisionTelemetry
from ai_stack.service.metrics import ServiceMetrics

METRICS = """# HELP hybrid_requests_total Requests answered.
# TYPE hybrid_requests_total counter
hybrid_requests_total{endpoint="/a",method="GET",status="200"} 30
hybrid_requests_total{endpoint="/{x}",method="GET",status="200"} 12
hybrid_decisions_total{decision="local",reason="a \\"}quoted\\" one"} 3
hybrid_context_hits_total 9
hybrid_augment_stage_seconds_count{stage="total"} 10
hybrid_augment_stage_seconds_count{stage="embed"} 8
hybrid_odd NaN
"""
URLS = {"aidb": "http://127.0.0.1:8091", "embeddings": "http://127.0.0.1:8081", "hybrid-coordinator": "https://h"}
COUNTS: dict[str, Any] = {
    "documents": {"chunks": 10, "chunks_pending": 1, "chunks_refused": 1},
    "collections": {"collections": [{"name": "best-practices", "items": 4}, {"name": "error-solutions", "items": 2}]},
}
GOLDEN = Path(__file__).resolve().parents[2] / "data" / "collector"
ROUTES: tuple[Literal["local", "remote"], ...] = ("local", "local", "remote")
NOTHING = {"documents": None, "collections": None}


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def states(**changes: State) -> dict[str, State]:
    health = {"status": "healthy", "circuit_breakers": {"qdrant": "closed"}}
    return {
        "aidb": State("ok", {"status": "ok"}, Samples("aidb_http_requests_total 8\n")),
        "embeddings": State("ok", {"status": "ok", "model": "m"}),
        "hybrid-coordinator": State("healthy", health, Samples(METRICS)),
        **changes,
    }


def test_three_failures_in_a_row_give_a_service_a_minute_of_peace(tmp_path: Path) -> None:
    clock = Clock()
    breaker = DiskBreaker(tmp_path, clock)
    for _ in range(3):
        assert breaker.admits("aidb")
        breaker.failed("aidb")
    # Another process reads the same files.
    assert not DiskBreaker(tmp_path, clock).admits("aidb")
    assert breaker.admits("embeddings")
    clock.now += 60
    assert breaker.admits("aidb")
    breaker.failed("aidb")
    assert not breaker.admits("aidb")
    breaker.succeeded("aidb")
    assert breaker.admits("aidb")


def test_a_clock_that_was_set_back_does_not_keep_a_circuit_open(tmp_path: Path) -> None:
    clock = Clock()
    breaker = DiskBreaker(tmp_path, clock)
    for _ in range(3):
        breaker.failed("aidb")
    clock.now -= 10**6
    assert breaker.admits("aidb")


@given(st.binary(max_size=60))
def test_a_damaged_state_counts_as_none(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "breaker-aidb.json").write_bytes(content)
        DiskBreaker(Path(directory)).admits("aidb")


def test_samples_are_summed_by_name_and_labels() -> None:
    samples = Samples(METRICS)
    assert samples.sum("hybrid_requests_total") == 42
    assert samples.sum("hybrid_augment_stage_seconds_count", stage="total") == 10
    assert samples.sum("hybrid_decisions_total", decision="local") == 3
    assert samples.sum("hybrid_decisions_total", decision="remote") is None
    assert samples.sum("hybrid_odd") is None


@given(st.text())
def test_no_text_breaks_the_reader_of_metrics(text: str) -> None:
    Samples(text).sum("x")


def test_the_document_has_the_shape_of_its_predecessor_and_measured_numbers_only() -> None:
    made = document.build(Stack(URLS, "key"), states(), COUNTS, 0.0)
    assert made["timestamp"] == "1970-01-01T00:00:00+00:00"
    assert made["services"]["aidb"]["port"] == 8091
    assert made["services"]["hybrid_coordinator"]["port"] == 443
    assert made["services"]["aidb"]["telemetry"] == {"total_events": 8, "last_event_time": None}
    assert made["services"]["embeddings"]["endpoint"] == "http://127.0.0.1:8081/embed"
    assert made["services"]["hybrid_coordinator"]["telemetry"] == {
        "total_events": 42,
        "local_queries": 3,
        "remote_queries": 0,
        "estimated_tokens_saved": None,
        "local_percentage": 100,
    }
    assert made["services"]["qdrant"]["metrics"] == {"collection_count": 2, "total_vectors": 6}
    assert made["knowledge_base"] == {
        "total_points": 16,
        "real_embeddings_percent": 80,
        "collections": {"best_practices": 4, "error_solutions": 2},
        "rag_quality": {
            "context_relevance": None,
            "improvement_over_baseline": None,
            "answers_with_context_percent": 90,
        },
    }
    assert made["effectiveness"]["total_events_processed"] == 50
    assert made["effectiveness"]["overall_score"] is None


def test_the_output_is_what_programs_that_read_it_know() -> None:
    made = document.build(Stack(URLS, "key"), states(), COUNTS, 0.0)
    assert json.dumps(made, indent=2) + "\n" == (GOLDEN / "ai_metrics.json").read_text()
    assert textfile.render(made, now=0.0, seconds=0.25) == (GOLDEN / "collector.prom").read_text()


def test_decisions_are_counted_as_hybrid_coordinator_reports_them() -> None:
    metrics = ServiceMetrics(prefix="hybrid", http_prefix="hybrid", service="hybrid-coordinator", version="1")
    telemetry = DecisionTelemetry(metrics)
    for route in ROUTES:
        telemetry.report(Decision(route, "requested", 1.0), purpose="chat")
    coordinator = State("healthy", {"status": "healthy"}, Samples(metrics.render()[0].decode()))
    made = document.build(Stack(URLS), states(**{"hybrid-coordinator": coordinator}), NOTHING, 0.0)
    told = made["services"]["hybrid_coordinator"]["telemetry"]
    assert (told["local_queries"], told["remote_queries"]) == (2, 1)


def test_what_is_not_known_is_null_and_never_a_part_of_a_sum() -> None:
    made = document.build(Stack(URLS), states(aidb=State("offline")), NOTHING, 0.0)
    assert made["services"]["aidb"]["status"] == "offline"
    assert made["knowledge_base"]["total_points"] is None
    assert made["knowledge_base"]["real_embeddings_percent"] is None
    assert made["effectiveness"]["total_events_processed"] is None
    some = {**COUNTS, "documents": None}
    assert document.build(Stack(URLS), states(), some, 0.0)["knowledge_base"]["total_points"] is None


def test_the_text_file_holds_numbers_that_are_known() -> None:
    made = document.build(Stack(URLS, "key"), states(aidb=State("skipped")), COUNTS, 0.0)
    samples = Samples(textfile.render(made, now=1700000000.5, seconds=0.25))
    assert samples.sum("ai_stack_collector_last_run_timestamp_seconds") == 1700000000.5
    assert samples.sum("ai_stack_service_up", service="aidb") == 0
    assert samples.sum("ai_stack_service_skipped", service="aidb") == 1
    assert samples.sum("ai_stack_service_up") == 3
    assert samples.sum("ai_stack_collection_items", collection="best_practices") == 4
    assert samples.sum("ai_stack_chunks_embedded_ratio") == 0.8
    unknown = document.build(Stack(URLS), states(), NOTHING, 0.0)
    assert "ai_stack_knowledge_points" not in textfile.render(unknown, now=1.0, seconds=0.1)


def test_a_service_name_cannot_break_out_of_its_label() -> None:
    made = {
        "services": {"x": {"service": 'a"} 1\nfake 2', "status": "ok"}},
        "knowledge_base": {"collections": {}, "total_points": None, "real_embeddings_percent": None},
    }
    assert Samples(textfile.render(made, now=1.0, seconds=0.1)).sum("fake") is None


@pytest.mark.parametrize("wrong", [["--service", "aidb"], ["--service", "aidb=ftp://x"], ["--state", "/nowhere"]])
def test_what_cannot_be_asked_is_said_in_one_line(
    wrong: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*wrong, "--directory", str(tmp_path)]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_a_stack_does_not_show_its_key() -> None:
    assert "secret" not in repr(Stack(URLS, "secret"))
